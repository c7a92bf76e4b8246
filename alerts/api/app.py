"""The HTTP API as one application."""

import asyncio
from functools import cache
from typing import Final

from fastapi import APIRouter, FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from alerts import __version__
from alerts.api import idempotency, problems
from alerts.api.docs import INTRODUCTION, TAGS, add_docs, secured
from alerts.api.edge import Edge
from alerts.api.errors_page import add_errors
from alerts.api.meters import Meters
from alerts.api.openapi import describe
from alerts.api.quotas import Gate
from alerts.api.routes import (
    access,
    actions,
    backtests,
    cycles,
    deliveries,
    endpoints,
    events,
    replays,
    secrets,
    service,
    sources,
    tokens,
)
from alerts.api.schemas.access import NewApp, NewKey
from alerts.api.schemas.backtests import NewBacktest
from alerts.api.schemas.cycles import NewCycle
from alerts.api.schemas.deliveries import Rotation
from alerts.api.schemas.endpoints import EndpointChange, NewEndpoint
from alerts.api.schemas.replays import NewReplay
from alerts.bootstrap import Services

_SECURED: Final = (
    endpoints,
    actions,
    backtests,
    replays,
    secrets,
    deliveries,
    events,
    tokens,
    sources,
    cycles,
    access,
)
_BODIES: Final = (
    *(NewCycle, NewEndpoint, EndpointChange, NewBacktest, Rotation, NewReplay, NewApp, NewKey),
)


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
    app.state.backtests = asyncio.Lock()
    per_second = services.settings.key_requests_per_second
    app.state.gate = Gate(services.limiter, per_second=per_second)
    problems.install(app)
    idempotency.install(app)
    app.router.routes.extend(_included().routes)
    add_docs(app)
    add_errors(app)
    describe(app, _BODIES)
    app.add_middleware(Edge, meters=meters, clock=services.clock)
    if services.settings.trusted_proxies:
        proxies = list(services.settings.trusted_proxies)
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)
    return app


@cache
def _included() -> APIRouter:
    """Our routes; what FastAPI works out of each at its first call is any application's."""
    router = APIRouter()
    for module in _SECURED:
        router.include_router(module.router, responses=secured())
    router.include_router(service.router)
    return router
