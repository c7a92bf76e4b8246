"""How an answer goes out: whole, slowly, cut short, swollen, or not at all."""

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from alerts.sources.sandbox.faults import Due, Effect, Fault
from alerts.sources.sandbox.rows import Row

HUGE_MEBIBYTES = 50
HUGE_ROWS = 100_000
_JSON = "application/json"
_PADDING = b" " * 1024 * 1024
_DROPS = 20
_TRANSPORT = "sandbox.transport"
# Closing sends a RST: on, after no seconds at all.
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def envelope(rows: Sequence[Row]) -> dict[str, object]:
    """A page of rows as upstream wraps it."""
    message = "Data fetched successfully"
    return {"success": True, "message": message, "length": len(rows), "data": rows}


def answer(faults: Sequence[Due], rows: list[Row]) -> Response:
    """A page's answer as these faults leave it."""
    by_effect = {due.effect: due.fault for due in faults}
    if Effect.RESET in by_effect:
        return _Reset()
    if Effect.HANG in by_effect:
        return _Hang(by_effect[Effect.HANG].seconds)
    body = _body(by_effect, rows)
    if Effect.SLOW in by_effect:
        return StreamingResponse(_drops(body, by_effect[Effect.SLOW].seconds), media_type=_JSON)
    if Effect.HUGE in by_effect:
        return StreamingResponse(_swollen(body), media_type=_JSON)
    if Effect.TRUNCATED_GZIP in by_effect:
        packed = gzip.compress(body)
        headers = {"content-encoding": "gzip"}
        return Response(packed[: len(packed) // 2], media_type=_JSON, headers=headers)
    return Response(body, media_type=_JSON)


def knowing_its_transport(app: ASGIApp) -> ASGIApp:
    """The same application, whose answers can reset the connection they came by."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        # `send` is a method of uvicorn's own record of the request, which has the transport.
        scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await app(scope, receive, send)

    return call


class _Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        transport = scope[_TRANSPORT]
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        transport.abort()


class _Hang(Response):
    """No answer for so long, or until the caller has gone; then the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        scope[_TRANSPORT].abort()


def _body(effects: dict[Effect, Fault], rows: list[Row]) -> bytes:
    page = envelope(rows)
    if Effect.HUGE_ROWS in effects and rows:
        page = envelope(rows * (HUGE_ROWS // len(rows) + 1))
    if Effect.WRONG_LENGTH in effects:
        page = {**page, "length": 1_000_000}
    body = msgspec.json.encode(page)
    return body[: len(body) // 2] if Effect.TRUNCATED in effects else body


async def _drops(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    size = len(body) // _DROPS + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(seconds / _DROPS)


async def _swollen(body: bytes) -> AsyncIterator[bytes]:
    yield body
    for _ in range(HUGE_MEBIBYTES):
        yield _PADDING
