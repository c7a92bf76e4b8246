"""The HTTP API as one application."""

from contextlib import suppress
from typing import Final

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts import __version__
from alerts.api import problems
from alerts.api.docs import INTRODUCTION, TAGS, add_docs, describe, secured
from alerts.api.routes import actions, cycles, deliveries, endpoints
from alerts.api.schemas.cycles import NewCycle
from alerts.api.schemas.deliveries import Replay, Rotation
from alerts.api.schemas.endpoints import EndpointChange, NewEndpoint
from alerts.bootstrap import Services
from alerts.errors import InvalidInput

_SECURED: Final = (actions, cycles, deliveries, endpoints)
_BODIES: Final = (NewCycle, NewEndpoint, EndpointChange, Rotation, Replay)


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
    app.state.services = services
    problems.install(app)
    for module in _SECURED:
        app.include_router(module.router, responses=secured())
    add_docs(app)
    describe(app, _BODIES)
    app.add_middleware(Edge)
    return app


class Edge:
    """The last line: no request is answered by a traceback, none carries a NUL further in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def note(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        # PostgreSQL takes no NUL in text, and no id, name or cursor has one.
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            refusal = problems.answer_error(InvalidInput("path", "and query hold no NUL character"))
            await refusal(scope, receive, send)
            return
        try:
            with suppress(ClientDisconnect):
                await self._app(scope, receive, note)
        # A process edge: one bad request is not the end of the others.
        except Exception as error:
            if is_started:
                raise
            await problems.answer_unexpected(error)(scope, receive, send)
