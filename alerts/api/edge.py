"""The edge of the API: every request gets an id, an answer and a place in the meters."""

import os
import re
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.api import problems
from alerts.api.meters import Meters
from alerts.domain.ids import REQUEST, make_id
from alerts.errors import InvalidInput
from alerts.ports import Clock
from alerts.telemetry import about

REQUEST_ID: Final = "x-request-id"
# What callers call their requests goes into answers and logs as it is, so it is short and plain.
_SANE: Final = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")


class Edge:
    """The last line: every request is answered and counted, none carries a NUL further in.

    Its id, the caller's own where that is sane, is in the answer and in every log line; further in
    it is `request.state.request_id`. What stands in `request.state.headers` is in the answer, too.
    """

    def __init__(self, app: ASGIApp, *, meters: Meters, clock: Clock) -> None:
        self._app = app
        self._meters = meters
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        request_id = self._request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = (REQUEST_ID.encode(), request_id.encode())
                headers = [*message.get("headers", ()), *scope["state"].get("headers", ()), named]
                message = {**message, "headers": headers}
            await send(message)

        with about(request_id=request_id):
            try:
                await self._answer(scope, receive, note)
            # A process edge: one bad request is not the end of the others.
            except Exception as error:
                if status:
                    raise
                await problems.answer_unexpected(error)(scope, receive, note)
            finally:
                route = getattr(scope.get("route"), "path", None)
                seconds = self._clock.monotonic() - began
                self._meters.note(scope["method"], route, status=status, seconds=seconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # PostgreSQL takes no NUL in text, and no id, name or cursor has one.
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            refusal = problems.answer_error(InvalidInput("path", "and query hold no NUL character"))
            await refusal(scope, receive, send)
            return
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send)

    def _request_id(self, scope: Scope) -> str:
        given = Headers(scope=scope).getlist(REQUEST_ID)
        if len(given) == 1 and _SANE.fullmatch(given[0]):
            return given[0]
        return make_id(REQUEST, self._clock.now(), os.urandom(10))
