"""The outbound guard: what a name resolves to, and the socket that is opened, must be public.

The resolver judges names; the socket factory judges the final address of every connection,
addresses written in the URL included, and has the last word. Between the two nothing is looked
up again, so a name cannot change its mind.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from alerts.channels.networks import Address, Trusted, forbidden

# A blocking look-up: all addresses of a name; raises OSError where there are none.
Lookup = Callable[[str], Sequence[str]]

# One thread waits for each name being looked up; a name that hangs holds its own thread only.
LOOKUP_THREADS = 64


class BlockedAddress(OSError):
    """A destination we do not connect to; the message says what it is, never where.

    Where a name of somebody's network leads is none of an endpoint owner's business.
    An OSError, because aiohttp passes those on from resolvers and socket factories.
    """


class Guard:
    """The judge both look to. Trusted destinations pass."""

    def __init__(self, trusted: Trusted) -> None:
        self._trusted = trusted
        self._vouched_for: dict[tuple[str, int], frozenset[Address]] = {}

    def admit(self, host: str, port: int, addresses: Sequence[Address]) -> None:
        """Return if a name with these addresses may be connected to: all of them are allowed.

        Raises BlockedAddress if any is not: one public address does not excuse a private one.
        """
        if self._trusted.has(host, port):
            self._vouched_for[host, port] = frozenset(addresses)
            return
        for address in addresses:
            reason = forbidden(address)
            if reason and not self._trusted.has_address(address, port):
                raise BlockedAddress(f"the name leads to an address that is {reason}")

    def open_socket(self, target: AddrInfoType) -> socket.socket:
        """A socket for this address and no other use. Raises BlockedAddress if it is forbidden."""
        family, kind, protocol, _, where = target
        address, port = ip_address(str(where[0])), int(where[1])
        reason = forbidden(address)
        if reason and not self._may_be_reached(address, port):
            raise BlockedAddress(f"the address is {reason}")
        return socket.socket(family, kind, protocol)

    def _may_be_reached(self, address: Address, port: int) -> bool:
        return self._trusted.has_address(address, port) or any(
            port == vouched_port and address in addresses
            for (_, vouched_port), addresses in self._vouched_for.items()
        )


class GuardedResolver(AbstractResolver):
    """Names to addresses, in threads of its own, judged as a whole."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  aiohttp's signature
    ) -> list[ResolveResult]:
        """All addresses of the name, whatever `family` says, for the guard must see them all.

        Raises BlockedAddress, or OSError where there are none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._lookup, host)
        addresses = [ip_address(text) for text in dict.fromkeys(found)]
        if not addresses:
            raise OSError(f"{host} has no address")
        self._guard.admit(host, port, addresses)
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def system_lookup(host: str) -> list[str]:
    """What the operating system says; address families this machine has none of are left out."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(where[0]) for *_, where in found]


def _result(host: str, port: int, address: Address) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )
