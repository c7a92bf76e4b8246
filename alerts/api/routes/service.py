"""Is it alive, is it ready, how is it doing."""

import asyncio
import hmac
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, SecurityScopes
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from alerts.api.deps import KEY, Bell, gate_of, identify
from alerts.api.docs import refusal, secured
from alerts.api.meters import CONTENT_TYPE, Meters
from alerts.api.problem_kinds import ProblemKind
from alerts.api.problems import answer
from alerts.api.schemas.service import Health, Readiness
from alerts.bootstrap import Services
from alerts.errors import StorageFailed
from alerts.pipeline.access import Scope, hash_key
from alerts.store.events import current_sequence

router = APIRouter(tags=["Service"])

# Whoever asks gives up after a few seconds; the answer should come before.
PROBE_SECONDS: Final = 3


async def may_measure(
    request: Request,
    *,
    services: Bell,
    scopes: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(KEY)],
) -> None:
    """Let in the metrics token, where one is set, and `admin` keys. Raises Denied, RateLimited."""
    token = services.settings.metrics_token.get_secret_value()
    if token and credentials is not None:
        presented, gate = credentials.credentials, gate_of(request)
        await gate.face(request, presented)
        if hmac.compare_digest(hash_key(presented), hash_key(token)):
            await gate.note(request, presented, is_right=True)
            return
    principal = await identify(request, services, credentials)
    for scope in scopes.scopes:
        principal.require(Scope(scope))


@router.get("/healthz")
async def healthz() -> Health:
    """Say that this process is alive."""
    return Health(status="ok")


@router.get("/readyz", response_model=Readiness, responses={503: refusal(ProblemKind.NOT_READY)})
async def readyz(services: Bell) -> Readiness | Response:
    """Say whether the database is reachable, and Redis where one is set."""
    failed = []
    if not await _database_answers(services):
        failed.append("the database does not answer")
    redis_url = services.settings.redis_url
    if redis_url and not await _redis_answers(redis_url):
        failed.append("Redis does not answer")
    if failed:
        return answer(ProblemKind.NOT_READY, "; ".join(failed), headers={"retry-after": "2"})
    return Readiness(database="ok", redis="ok" if redis_url else None)


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Security(may_measure, scopes=[Scope.ADMIN.value])],
    responses={
        200: {"content": {"text/plain": {"example": "gradebell_deliveries_waiting 0.0\n"}}},
        **secured(),
    },
)
async def metrics(request: Request, services: Bell) -> Response:
    """Show the meters, for a Prometheus. Takes `GRADEBELL_METRICS_TOKEN` too."""
    meters: Meters = request.app.state.meters
    return Response(await meters.read(services), media_type=CONTENT_TYPE)


async def _database_answers(services: Services) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS), services.store.read() as tx:
            await current_sequence(tx)
    except (StorageFailed, TimeoutError):
        return False
    return True


async def _redis_answers(url: str) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS), Redis.from_url(url) as redis:
            await redis.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    return True
