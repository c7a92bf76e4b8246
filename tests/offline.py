"""No test reaches beyond this machine: any other address is refused before a packet leaves."""

import socket
import sys
from ipaddress import ip_address


def stay_on_this_machine() -> None:
    """Refuse, from now to the end of the process, connections and look-ups beyond loopback.

    A connection is a fault in the test and raises what no sender catches; a look-up of a name is
    what a sender must live with, and finds nothing. (uvloop's own connections are not seen.)
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        connection, address = arguments
        if (
            isinstance(connection, socket.socket)
            and connection.family in {socket.AF_INET, socket.AF_INET6}
            and isinstance(address, tuple)
            and not _is_here(str(address[0]))
        ):
            raise AssertionError(f"a test tried to reach {address[0]}: tests stay on loopback")
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and not _is_literal(name) and not _is_here(name):
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: tests have no network")


def _is_here(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    return _is_literal(host) and ip_address(host.partition("%")[0]).is_loopback


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
