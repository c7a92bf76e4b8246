"""libcurl under guard: one POST at a time on a handle that is used again and again.

libcurl is asked to look nothing up and to open no socket by itself. Where it would, it asks us, by
a callback, and what we answer is the guard's word. Two of its habits are taken from it:

- It looks at a kept connection at most once a second before it uses it
  (https://github.com/curl/curl/pull/22169). We look before every request.
- Where a kept connection breaks before a byte of the answer, it says the request again
  (https://github.com/curl/curl/pull/18417). The receiver may have read it, so it may not.
"""

import select
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address
from time import perf_counter
from typing import Any, Final

import pycurl
from yarl import URL

from alerts.channels.driver import Driver
from alerts.channels.guard import Guard
from alerts.channels.networks import Address, read_address

# Bytes of an answer's body that are read; the connection of a longer one is closed, not drained.
READ_MAX: Final = 16 * 1024

# Seconds an idle connection is kept: less than the five after which Node's and uvicorn's servers
# close theirs (https://nodejs.org/api/http.html#serverkeepalivetimeout), so that we do not write
# into a connection the moment it is closed. A POST lost like that cannot be told from one that
# was read, so it is not repeated here but by the schedule.
IDLE_SECONDS: Final = 4
# Seconds a name's addresses are remembered, by libcurl, which knows no others than we give it.
NAMES_SECONDS: Final = 10

_REFUSE: Final = 1
_GO_ON: Final = 0

# Addresses and ports of both ends, as libcurl tells them before a request.
_Ends = tuple[str, str, int, int]


class Connections:
    """The kept connections' descriptors, which libcurl tells once, when it opens them."""

    def __init__(self) -> None:
        self._descriptors: dict[_Ends, int] = {}
        self._ends: dict[int, _Ends] = {}
        self._poll = select.poll()

    def note(self, ends: _Ends, opened: Sequence[int]) -> None:
        """A new connection is one of the sockets just opened."""
        descriptor = next((each for each in opened if _speaks_from(each, ends)), None)
        if descriptor is None:
            return
        self._descriptors.pop(self._ends.get(descriptor, ends), None)
        self._descriptors[ends] = descriptor
        self._ends[descriptor] = ends

    def is_open(self, ends: _Ends) -> bool:
        """Whether nothing has come by it since its last answer: neither an end nor stray bytes."""
        descriptor = self._descriptors.get(ends)
        if descriptor is None:
            return False
        self._poll.register(descriptor, select.POLLIN)
        try:
            return not self._poll.poll(0)
        finally:
            self._poll.unregister(descriptor)


class Transfer:
    """A handle and what is seen of the POST it is at.

    options: of libcurl, set once; its TIMEOUT_MS and CONNECTTIMEOUT_MS among them.
    stale: the kept connection had ended before a byte was said; nothing was sent.
    unresolved: a new connection needs the name's addresses; nothing was sent.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        connections: Connections,
        driver: Driver,
        options: Mapping[int, object],
    ) -> None:
        self._guard = guard
        self._connections = connections
        self._driver = driver
        self.curl = pycurl.Curl()
        self.lines: list[bytes] = []
        self._options = _OPTIONS | dict(options)
        for option, value in self._options.items():
            self.curl.setopt(option, value)
        self._changed: set[int] = set()
        self.curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._keep)
        self.curl.setopt(pycurl.RESOLVER_START_FUNCTION, self._may_look_up)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        self.curl.setopt(pycurl.SOCKOPTFUNCTION, self._opened_socket)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._may_say_it)
        self.begin()
        self.rest()

    def rest(self) -> None:
        """Forget the last POST, and what was changed for it alone."""
        self.body = bytearray()
        self.remote: str | None = None
        self.dialled: float | None = None
        self.refusal: OSError | None = None
        self.lines.clear()
        while self._changed:
            option = self._changed.pop()
            if option in self._options:
                self.curl.setopt(option, self._options[option])
            else:
                self.curl.unsetopt(option)

    def load(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """What to POST. Raises ValueError for a header that would break the message."""
        lines = [f"{name}: {value}" for name, value in headers.items()]
        whole = "".join(lines)
        if not whole.isascii() or not whole.isprintable():
            raise ValueError("a header would break the message")
        lines.append("expect:")
        curl = self.curl
        self._url = url
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, lines)
        curl.setopt(pycurl.POSTFIELDS, body)

    @property
    def destination(self) -> tuple[str, int]:
        """Host, without brackets, and port."""
        where = URL(self._url, encoded=True)
        return where.host or "", where.port or 0

    def begin(self) -> None:
        """Nothing is known of the next attempt."""
        self.stale = self.unresolved = self.said = False
        self._opened: list[int] = []

    def limit(self, *, milliseconds: int, milliseconds_to_connect: int) -> None:
        """How long the next attempt at this POST may take, each at least 1."""
        self._change(pycurl.TIMEOUT_MS, milliseconds)
        self._change(pycurl.CONNECTTIMEOUT_MS, milliseconds_to_connect)

    def use_no_kept_connection(self) -> None:
        self._change(pycurl.FRESH_CONNECT, 1)

    def resolve_to(self, addresses: Sequence[Address]) -> None:
        """The addresses of the URL's name, which have passed the guard."""
        host, port = self.destination
        found = ",".join(
            f"[{each}]" if isinstance(each, IPv6Address) else str(each) for each in addresses
        )
        # The plus makes it one of the names that are forgotten after NAMES_SECONDS.
        self._change(pycurl.RESOLVE, [f"+{host}:{port}:{found}"])

    def _change(self, option: int, value: object) -> None:
        self.curl.setopt(option, value)
        self._changed.add(option)

    def _keep(self, piece: bytes) -> int | None:
        self.body += piece
        # Fewer bytes than came break the transfer off; None is all of them.
        return 0 if len(self.body) > READ_MAX else None

    def _may_look_up(self) -> int:
        if self.said:
            return _REFUSE
        self.unresolved = read_address(self.destination[0]) is None
        return _REFUSE if self.unresolved else _GO_ON

    def _open_socket(self, _purpose: int, target: Any) -> socket.socket | int:  # noqa: ANN401
        if self.said:
            return int(pycurl.SOCKET_BAD)
        try:
            self._lent = self._guard.open_socket(
                (target.family, target.socktype, target.protocol, "", target.addr)
            )
        except OSError as refusal:
            self.refusal = refusal
            return int(pycurl.SOCKET_BAD)
        self.dialled = self.dialled or perf_counter()
        self.remote = str(target.addr[0])
        return self._lent

    def _opened_socket(self, descriptor: int, _purpose: int) -> int:
        # A duplicate of ours, and libcurl closes that one.
        self._lent.close()
        self._opened.append(descriptor)
        self._driver.forget(descriptor)
        return int(pycurl.SOCKOPT_OK)

    def _may_say_it(self, *ends: Any) -> int:  # noqa: ANN401
        """Once, on a connection that is new or still open."""
        if self.said:
            return int(pycurl.PREREQFUNC_ABORT)
        if self._opened:
            self._connections.note(ends, self._opened)
        elif not self._connections.is_open(ends):
            self.stale = True
            return int(pycurl.PREREQFUNC_ABORT)
        self.said = True
        self.remote = ends[0]
        return int(pycurl.PREREQFUNC_OK)


def _speaks_from(descriptor: int, ends: _Ends) -> bool:
    # One that did not connect first is closed, and its number may be anything's by now.
    try:
        lent = socket.socket(fileno=descriptor)
    except OSError:
        return False
    try:
        return bool(lent.getsockname()[:2] == (ends[1], ends[3]))
    except OSError:
        return False
    finally:
        lent.detach()


_OPTIONS: Final[dict[int, object]] = {
    pycurl.POST: 1,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.REDIR_PROTOCOLS: 0,
    pycurl.FOLLOWLOCATION: 0,
    pycurl.PATH_AS_IS: 1,
    pycurl.PROXY: "",
    pycurl.NOPROXY: "*",
    pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
    pycurl.SSL_VERIFYPEER: 1,
    pycurl.SSL_VERIFYHOST: 2,
    pycurl.NOSIGNAL: 1,
    # The least there is; of the usual 64 KiB each handle keeps one.
    pycurl.UPLOAD_BUFFERSIZE: 16 * 1024,
    pycurl.MAXAGE_CONN: IDLE_SECONDS,
    pycurl.DNS_CACHE_TIMEOUT: NAMES_SECONDS,
    pycurl.FRESH_CONNECT: 0,
}
