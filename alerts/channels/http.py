"""One POST: guarded, bounded in time and in size, and told as a value."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import pycurl

from alerts.channels import failures
from alerts.channels.authorities import find_authorities
from alerts.channels.driver import Driver
from alerts.channels.failures import Failure
from alerts.channels.guard import BlockedAddress, Guard, GuardedResolver, Lookup, system_lookup
from alerts.channels.networks import Trusted
from alerts.channels.transfers import READ_MAX, Connections, Transfer
from alerts.domain.http_answers import SUCCESS
from alerts.open_files import left_for_sends, limit

# Bytes of an answer's body that are kept: enough to see what went wrong, little of what went well.
KEPT_OF_FAILURE = 16 * 1024
KEPT_OF_SUCCESS = 256

# Bytes of the status line and of one header, and how many headers. libcurl itself reads no more
# than 300 KiB of them.
HEADER_LINE_MAX = 8190
HEADERS_MAX = 100

# Connections kept while nobody uses them; past it the oldest is closed. As many as a worker has
# sends in flight (128 lanes × 4): libcurl holds 70 KB for each over TLS.
KEPT_CONNECTIONS: Final = 512


@dataclass(slots=True)
class Exchange:
    """What came of one POST.

    status is there as soon as it came, even if the answer then broke off, and so are the headers,
    which are read of failures only; failure is None if the answer came whole, or up to the cap.
    timings_ms: `total` always, `first_byte` (of the answer) if it came, both from the
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

    def __init__(
        self,
        driver: Driver,
        guard: Guard,
        resolver: GuardedResolver,
        *,
        deadline_seconds: float,
        connect_seconds: float,
        authorities: Mapping[int, object],
    ) -> None:
        self._driver = driver
        self._guard = guard
        self._resolver = resolver
        self._deadline_seconds = deadline_seconds
        self._connect_seconds = min(connect_seconds, deadline_seconds)
        self._options = {
            **authorities,
            pycurl.TIMEOUT_MS: _milliseconds_left(self._deadline_seconds),
            pycurl.CONNECTTIMEOUT_MS: _milliseconds_left(self._connect_seconds),
        }
        self._connections = Connections()
        self._resting: list[Transfer] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """POST once and read the answer; raises nothing but cancellation.

        url: in the normal form of `addresses.vet_url`; it is sent as it stands.
        """
        started = perf_counter()
        transfer = self._resting.pop() if self._resting else self._new_transfer()
        failure: Failure | None
        try:
            transfer.load(url, headers, body)
        except ValueError:
            failure = failures.BROKEN_HEADER
        else:
            failure = await self._exchange(transfer, started)
        exchange = _told(transfer, failure, started)
        transfer.rest()
        self._resting.append(transfer)
        return exchange

    def close(self) -> None:
        """Free what rests."""
        for transfer in self._resting:
            transfer.curl.close()

    def _new_transfer(self) -> Transfer:
        return Transfer(
            self._guard,
            connections=self._connections,
            driver=self._driver,
            options=self._options,
        )

    async def _exchange(self, transfer: Transfer, started: float) -> Failure | None:
        """Send; again, if nothing could be sent before the name or the connection was renewed."""
        failure = await self._perform(transfer)
        if transfer.stale:
            transfer.use_no_kept_connection()
            failure = await self._perform_again(transfer, started)
        if transfer.unresolved:
            failed = await self._resolve(transfer, started)
            failure = failed or await self._perform_again(transfer, started)
            if transfer.unresolved and not failed:
                # libcurl reads another name in the URL than we do.
                return failures.UNUSABLE_URL
        return failure

    async def _resolve(self, transfer: Transfer, started: float) -> Failure | None:
        left = self._connect_seconds - (perf_counter() - started)
        try:
            async with asyncio.timeout(left):
                transfer.resolve_to(await self._resolver.resolve(*transfer.destination))
        except TimeoutError:
            return failures.NO_CONNECTION_IN_TIME
        except BlockedAddress as blocked:
            return failures.failure_to_connect(blocked)
        except OSError:
            return failures.NO_ADDRESS
        except ValueError:
            return failures.UNUSABLE_URL
        return None

    async def _perform_again(self, transfer: Transfer, started: float) -> Failure | None:
        passed = perf_counter() - started
        transfer.limit(
            milliseconds=_milliseconds_left(self._deadline_seconds - passed),
            milliseconds_to_connect=_milliseconds_left(self._connect_seconds - passed),
        )
        return await self._perform(transfer)

    async def _perform(self, transfer: Transfer) -> Failure | None:
        transfer.begin()
        curl = transfer.curl
        fault = await self._driver.perform(curl)
        if fault is None or len(transfer.body) > READ_MAX:
            return None
        if transfer.refusal is not None and not transfer.said:
            return failures.failure_to_connect(transfer.refusal)
        errno = curl.getinfo(pycurl.OS_ERRNO)
        return failures.failure_of(fault, said=transfer.said, errno=errno)


@asynccontextmanager
async def open_http(
    *,
    deadline_seconds: float,
    connect_seconds: float = 5.0,
    trusted: Trusted = Trusted(),  # noqa: B008  frozen, and trusts nobody
    lookup: Lookup = system_lookup,
    authorities: str | None = None,
) -> AsyncIterator[HttpClient]:
    """A client whose connections end with the block.

    deadline_seconds: for one POST in all, from looking the name up to the body's last byte.
    connect_seconds: of these, for the name, the connection and TLS together.
    authorities: a PEM file of those who vouch for receivers; the system's unless given.
    No redirects, cookies, ambient proxies or decompression. Connections are not limited here,
    for a send that waits for its turn would spend its deadline: who sends keeps count.
    """
    guard = Guard(trusted)
    resolver = GuardedResolver(guard, lookup)
    kept = min(KEPT_CONNECTIONS, left_for_sends(limit()))
    driver = Driver(kept_connections=kept)
    client = HttpClient(
        driver,
        guard,
        resolver,
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
        authorities=find_authorities(authorities),
    )
    try:
        yield client
    finally:
        driver.close()
        client.close()
        await resolver.close()


def _told(transfer: Transfer, failure: Failure | None, started: float) -> Exchange:
    curl = transfer.curl
    # Without a line of an answer, what libcurl has is of the POST before.
    status = (transfer.lines and curl.getinfo(pycurl.RESPONSE_CODE)) or None
    is_success = status in SUCCESS
    headers = {} if is_success else _headers(transfer.lines)
    if _is_too_long(transfer.lines):
        failure = failures.NO_HTTP
    limit = KEPT_OF_SUCCESS if is_success else KEPT_OF_FAILURE
    return Exchange(
        status=status,
        retry_after=headers.get("retry-after"),
        location=headers.get("location"),
        body=bytes(transfer.body[:limit]),
        truncated=len(transfer.body) > limit,
        remote_address=transfer.remote,
        timings_ms=_timings(transfer, started),
        failure=failure,
    )


def _is_too_long(head: list[bytes]) -> bool:
    # Of the lines, one is the status and one is empty.
    return len(head) > HEADERS_MAX + 2 or max(map(len, head), default=0) > HEADER_LINE_MAX


def _headers(lines: list[bytes]) -> dict[str, str]:
    """By name in lower case; of several the last."""
    fields = (line.decode("latin-1").partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in fields if colon}


def _timings(transfer: Transfer, started: float) -> dict[str, float]:
    curl = transfer.curl
    now = perf_counter()
    timings = {"total": _milliseconds(now - started)}
    # libcurl counts from the start of the last attempt, which ended just now.
    if first_byte := curl.getinfo(pycurl.STARTTRANSFER_TIME) if transfer.lines else 0.0:
        since = curl.getinfo(pycurl.TOTAL_TIME) - first_byte
        timings["first_byte"] = _milliseconds(now - started - since)
    if transfer.dialled is None:
        return timings
    timings["dns"] = _milliseconds(transfer.dialled - started)
    looked_up = curl.getinfo(pycurl.NAMELOOKUP_TIME)
    connected = curl.getinfo(pycurl.CONNECT_TIME)
    secured = curl.getinfo(pycurl.APPCONNECT_TIME)
    if connected:
        timings["connect"] = _milliseconds(connected - looked_up)
    if secured:
        timings["tls"] = _milliseconds(secured - connected)
    return timings


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _milliseconds_left(seconds: float) -> int:
    """At least one: to libcurl, none is no limit."""
    return max(1, round(seconds * 1000))
