"""One POST: guarded, bounded in time and in size, and told as a value."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter

import aiohttp
from aiohttp import AddrInfoType
from aiohttp.connector import Connection
from yarl import URL

from alerts.channels.failures import Failure, failure_of
from alerts.channels.guard import Guard, GuardedResolver, Lookup, system_lookup
from alerts.channels.networks import Trusted
from alerts.domain.http_answers import SUCCESS

# Bytes of an answer's body that are kept: enough to see what went wrong, little of what went well.
KEPT_OF_FAILURE = 16 * 1024
KEPT_OF_SUCCESS = 256
# Bytes that are read at all; the connection of a longer answer is closed, not drained.
READ_MAX = 16 * 1024

# Bytes of the status line and of one header, and how many headers.
HEADER_LINE_MAX = 8190
HEADERS_MAX = 100

# Seconds an idle connection is kept: less than the five after which Node's and uvicorn's servers
# close theirs (https://nodejs.org/api/http.html#serverkeepalivetimeout), so that we do not write
# into a connection the moment it is closed. A POST lost like that cannot be told from one that
# was read, so it is not repeated here but by the schedule.
IDLE_SECONDS = 4.0
# Seconds a name's addresses are remembered.
NAMES_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one POST.

    status and the headers are there as soon as they came, even if the body then broke off;
    failure is None if the answer came whole, or up to the cap.
    timings_ms: `total` always, `first_byte` (end of the answer's head) if it came, both from the
    start of the call; and of a new connection, how long `dns`, `connect` and `tls` took.
    """

    status: int | None
    retry_after: str | None
    location: str | None
    body: bytes
    truncated: bool
    remote_address: str | None
    timings_ms: dict[str, float]
    failure: Failure | None


class HttpClient:
    """Posts through one pool of connections. Made by `open_http`."""

    def __init__(self, session: aiohttp.ClientSession, *, deadline_seconds: float) -> None:
        self._session = session
        self._deadline_seconds = deadline_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """POST once and read the answer; raises nothing but cancellation.

        url: in the normal form of `addresses.vet_url`; it is sent as it stands.
        """
        watch = _Watch()
        _watch.set(watch)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._exchange(URL(url, encoded=True), headers, body)
        # Receivers send what they like: aiohttp's parsers answer some of it with ValueError or
        # RuntimeError, and both are the receiver's failure, not ours.
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            return watch.told(failure_of(error))
        return watch.told(None)

    async def _exchange(self, url: URL, headers: Mapping[str, str], body: bytes) -> None:
        watch = _watch.get()
        async with self._session.post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            watch.first_byte = perf_counter()
            watch.response = response
            while chunk := await response.content.readany():
                watch.body += chunk
                if len(watch.body) > READ_MAX:
                    response.close()
                    return


@asynccontextmanager
async def open_http(
    *,
    deadline_seconds: float,
    connect_seconds: float = 5.0,
    trusted: Trusted = Trusted(),  # noqa: B008  frozen, and trusts nobody
    lookup: Lookup = system_lookup,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[HttpClient]:
    """A client whose connections end with the block.

    deadline_seconds: for one POST in all, from looking the name up to the body's last byte.
    connect_seconds: of these, for the name, the connection and TLS together.
    tls: how receivers' certificates are checked; `tls_context()` unless given.
    No redirects, cookies, ambient proxies or decompression. Connections are not limited here,
    for a send that waits for its turn would spend its deadline: who sends keeps count.
    """
    guard = Guard(trusted)
    resolver = GuardedResolver(guard, lookup)
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=IDLE_SECONDS,
        ttl_dns_cache=NAMES_SECONDS,
        resolver=resolver,
        socket_factory=_timed_sockets(guard),
        ssl=tls or tls_context(),
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=["Accept-Encoding", "User-Agent"],
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
        response_class=_WatchedResponse,
        auto_decompress=False,
        trust_env=False,
        read_bufsize=READ_MAX,
        max_line_size=HEADER_LINE_MAX,
        max_field_size=HEADER_LINE_MAX,
        max_headers=HEADERS_MAX,
    )
    try:
        async with session:
            yield HttpClient(session, deadline_seconds=deadline_seconds)
    finally:
        await resolver.close()


def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, names checked, by the system's authorities or those in this PEM file."""
    context = _TimedTls(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(authorities)
    return context


class _Watch:
    """Times (of `perf_counter`) and findings of one POST, gathered where they arise.

    aiohttp's own tracing would do, but makes a POST on an open connection a fifth dearer; this
    costs less than a tenth.
    """

    __slots__ = (
        "body",
        "connected",
        "dialled",
        "first_byte",
        "remote",
        "response",
        "started",
        "tls_started",
    )

    def __init__(self) -> None:
        self.started = perf_counter()
        self.dialled: float | None = None
        self.tls_started: float | None = None
        self.connected: float | None = None
        self.first_byte: float | None = None
        self.remote: str | None = None
        self.response: aiohttp.ClientResponse | None = None
        self.body = bytearray()

    def told(self, failure: Failure | None) -> Exchange:
        status = self.response.status if self.response else None
        headers = self.response.headers if self.response else {}
        limit = KEPT_OF_SUCCESS if status in SUCCESS else KEPT_OF_FAILURE
        return Exchange(
            status=status,
            retry_after=headers.get("Retry-After"),
            location=headers.get("Location"),
            body=bytes(self.body[:limit]),
            truncated=len(self.body) > limit,
            remote_address=self.remote,
            timings_ms=self._timings(),
            failure=failure,
        )

    def _timings(self) -> dict[str, float]:
        timings = {"total": _milliseconds(self.started, perf_counter())}
        if self.first_byte is not None:
            timings["first_byte"] = _milliseconds(self.started, self.first_byte)
        if self.dialled is None:
            return timings
        timings["dns"] = _milliseconds(self.started, self.dialled)
        if connected := self.tls_started or self.connected:
            timings["connect"] = _milliseconds(self.dialled, connected)
        if self.tls_started and self.connected:
            timings["tls"] = _milliseconds(self.tls_started, self.connected)
        return timings


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)


# The POST a piece of aiohttp is at work for: set in `post`, seen by all it calls and starts.
_watch: ContextVar[_Watch] = ContextVar("_watch")


def _timed_sockets(guard: Guard) -> aiohttp.SocketFactoryType:
    def open_socket(target: AddrInfoType) -> socket.socket:
        opened = guard.open_socket(target)
        watch = _watch.get()
        watch.dialled = watch.dialled or perf_counter()
        watch.remote = str(target[4][0])
        return opened

    return open_socket


class _TimedTls(ssl.SSLContext):
    """Notes when the handshake begins: asyncio and uvloop both ask for their buffers then."""

    def wrap_bio(  # noqa: PLR0917  the base class's signature
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        if watch := _watch.get(None):
            watch.tls_started = perf_counter()
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


class _WatchedResponse(aiohttp.ClientResponse):
    """Notes the connection it came by, which is gone from it once the body is read."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        watch = _watch.get()
        watch.connected = perf_counter()
        transport = connection.transport
        peer = transport.get_extra_info("peername") if transport else None
        watch.remote = peer[0] if peer else watch.remote
        return await super().start(connection)
