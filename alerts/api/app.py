"""The HTTP API as one application."""

from contextlib import suppress
from typing import Final

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts import __version__
from alerts.api import problems
from alerts.api.docs import INTRODUCTION, TAGS, add_docs, describe, secured
from alerts.api.meters import Meters
from alerts.api.routes import (
    access,
    actions,
    cycles,
    deliveries,
    endpoints,
    events,
    service,
    sources,
    tokens,
)
from alerts.api.schemas.access import NewApp, NewKey
from alerts.api.schemas.cycles import NewCycle
from alerts.api.schemas.deliveries import Replay, Rotation
from alerts.api.schemas.endpoints import EndpointChange, NewEndpoint
from alerts.bootstrap import Services
from alerts.errors import InvalidInput
from alerts.ports import Clock

_SECURED: Final = (endpoints, actions, deliveries, events, tokens, sources, cycles, access)
_BODIES: Final = (NewCycle, NewEndpoint, EndpointChange, Rotation, Replay, NewApp, NewKey)


def create_app(services: Services) -> FastAPI:
    """The API on services that the caller opened and closes."""
    app = FastAPI(
        title="Gradebell",
        version=__version__,
        description=INTRODUCTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    meters = Meters()
    app.state.services, app.state.meters = services, meters
    problems.install(app)
    for module in _SECURED:
        app.include_router(module.router, responses=secured())
    app.include_router(service.router)
    add_docs(app)
    describe(app, _BODIES)
    app.add_middleware(Edge, meters=meters, clock=services.clock)
    return app


class Edge:
    """The last line: every request is answered and counted, none carries a NUL further in."""

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
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

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
