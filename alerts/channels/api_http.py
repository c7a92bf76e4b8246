"""One request to a platform's API: one deadline, one try, and told as a value.

The API's base is the operator's setting, never part of what an owner gave us, so nothing here
needs the guard of `http.py`. A pooled connection is kept for less time than servers keep theirs,
for what is written into one that was just closed may or may not have been read.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
import msgspec

from alerts.channels.failures import (
    NO_ADDRESS,
    NO_ANSWER_IN_TIME,
    NO_CONNECTION_IN_TIME,
    NO_HTTP,
    Failure,
)
from alerts.channels.transfers import IDLE_SECONDS
from alerts.domain.deliveries import Reason

# Bytes of an answer that are read: a message shown back to us is smaller.
READ_MAX: Final = 64 * 1024
CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along. alt: what is said to those who do not see it."""

    name: str
    content: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request.

    was_sent: whether any of it may have left this machine. failure: None if the answer came whole.
    headers: names in lower case. timings_ms: `total`, and `connect` of a new connection.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    was_sent: bool
    timings_ms: dict[str, float]
    failure: Failure | None

    @property
    def plain(self) -> dict[str, Any]:
        """The body as a JSON object; empty for anything else."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class _Course:
    """How far a request has come."""

    started: float
    was_sent: bool = False
    connected: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class ApiHttp:
    """Asks the API. Made by `open_api_http`."""

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, deadline_seconds: float
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self.deadline_seconds = deadline_seconds

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        payload: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
        authorization: str | None = None,
        share: float = 1.0,
    ) -> Reply:
        """Ask once; raises nothing but cancellation.

        path: under the base, without a slash in front. authorization: the header's value.
        attachments make it multipart; the payload lists them.
        share: of the deadline, that this takes at most.
        """
        course = _Course(perf_counter())
        failure: Failure | None = None
        try:
            async with asyncio.timeout(self.deadline_seconds * share):
                await self._exchange(
                    course,
                    method,
                    f"{self._base_url}/{path}",
                    params=query,
                    **_request(payload, attachments, authorization),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _failure_of(error, course)
        timings = {"total": _milliseconds(perf_counter() - course.started)}
        if course.connected is not None:
            timings["connect"] = _milliseconds(course.connected)
        return Reply(
            status=course.status,
            headers=course.headers,
            body=bytes(course.body),
            was_sent=course.was_sent,
            timings_ms=timings,
            failure=failure,
        )

    async def _exchange(self, course: _Course, method: str, url: str, **request: Any) -> None:  # noqa: ANN401 - aiohttp's own.
        async with self._session.request(
            method, url, trace_request_ctx=course, allow_redirects=False, **request
        ) as answer:
            course.status = answer.status
            course.headers = {name.lower(): value for name, value in answer.headers.items()}
            async for piece in answer.content.iter_any():
                course.body += piece[: READ_MAX - len(course.body)]
                if len(course.body) >= READ_MAX:
                    answer.close()
                    return


@asynccontextmanager
async def open_api_http(
    base_url: str, *, user_agent: str, deadline_seconds: float
) -> AsyncIterator[ApiHttp]:
    """A client whose connections end with the block. No redirects, cookies, proxies, repeats."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, connect=min(CONNECT_SECONDS, deadline_seconds)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": user_agent, "accept-encoding": "identity"},
        auto_decompress=False,
        trace_configs=[_tracing()],
    )
    async with session:
        yield ApiHttp(session, base_url=base_url, deadline_seconds=deadline_seconds)


def _tracing() -> aiohttp.TraceConfig:
    tracing = aiohttp.TraceConfig()

    async def connected(_session: object, context: SimpleNamespace, _params: object) -> None:
        course = context.trace_request_ctx
        course.connected = perf_counter() - course.started

    async def sending(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.was_sent = True

    tracing.on_connection_create_end.append(connected)
    tracing.on_request_headers_sent.append(sending)
    return tracing


def _request(
    payload: Mapping[str, Any] | None,
    attachments: Sequence[Attachment],
    authorization: str | None,
) -> dict[str, Any]:
    headers = {} if authorization is None else {"authorization": authorization}
    if payload is None:
        return {"headers": headers}
    if not attachments:
        headers["content-type"] = "application/json"
        return {"headers": headers, "data": msgspec.json.encode(payload)}
    form = aiohttp.FormData()
    form.add_field(
        "payload_json",
        msgspec.json.encode(payload).decode(),
        content_type="application/json",
    )
    for number, each in enumerate(attachments):
        form.add_field(f"files[{number}]", each.content, filename=each.name)
    return {"headers": headers, "data": form}


def _failure_of(error: Exception, course: _Course) -> Failure:
    """In the words of the log; never aiohttp's own, which may hold an address with a token."""
    match error:
        case TimeoutError():
            return NO_ANSWER_IN_TIME if course.was_sent else NO_CONNECTION_IN_TIME
        case aiohttp.ClientConnectorDNSError():
            return NO_ADDRESS
        case aiohttp.ClientConnectorCertificateError():
            return Failure(Reason.TLS, "bad certificate")
        case aiohttp.ClientSSLError():
            return Failure(Reason.TLS, "handshake failed")
        case aiohttp.ClientPayloadError() if course.status is not None:
            return Failure(Reason.CONNECTION, "the answer broke off")
        case aiohttp.ServerDisconnectedError():
            return Failure(Reason.CONNECTION, "closed without an answer")
        case OSError():
            known = os.strerror(error.errno).lower() if error.errno else "it was lost"
            return Failure(Reason.CONNECTION, known)
        case _:
            return NO_HTTP


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
