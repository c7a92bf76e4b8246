"""What is done to an endpoint: tokens, tests, secrets, pauses, and the question why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from alerts.api.bodies import json_body, takes
from alerts.api.deps import Bell, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.previews import Preview, preview
from alerts.api.schemas.deliveries import (
    Delivery,
    Enabled,
    Rotated,
    Rotation,
)
from alerts.api.schemas.endpoints import Endpoint
from alerts.api.schemas.explained import Explained
from alerts.api.views import view_endpoint
from alerts.bootstrap import Services
from alerts.channels.signing import format_secret
from alerts.domain.grades import TokenId
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline import endpoints as desk
from alerts.pipeline import replay as again
from alerts.pipeline import secrets
from alerts.pipeline.access import Principal
from alerts.pipeline.naming import MOST_TOKENS, resolve_token
from alerts.store.endpoints import EndpointRecord

router = APIRouter(prefix="/v1/endpoints/{endpoint_id}", tags=["Endpoints"])


@router.put("/tokens/{token}", responses=refuses(404, 422))
async def add_token(endpoint_id: str, token: str, *, principal: Writer, services: Bell) -> Endpoint:
    """Ask for one more token, by id or symbol. An endpoint that wants all has it already."""
    wanted = await _resolve(token, services)

    def change(old: EndpointRecord) -> EndpointRecord:
        tokens = old.filter.tokens
        if tokens is None or wanted in tokens:
            return old
        if len(tokens) >= MOST_TOKENS:
            raise InvalidInput("token", f"would be one more than {MOST_TOKENS}; ask for all")
        return _with_tokens(old, (*tokens, wanted))

    return await _changed(endpoint_id, change, principal=principal, services=services)


@router.delete("/tokens/{token}", responses=refuses(404, 409, 422))
async def remove_token(
    endpoint_id: str, token: str, *, principal: Writer, services: Bell
) -> Endpoint:
    """Ask for one token less. Without its last one, an endpoint wants none."""
    unwanted = await _resolve(token, services)

    def change(old: EndpointRecord) -> EndpointRecord:
        tokens = old.filter.tokens
        if tokens is None:
            problem = "this endpoint wants all tokens; name those it wants in filter.tokens first"
            raise Conflict(problem, field="token")
        return _with_tokens(old, tuple(one for one in tokens if one != unwanted))

    return await _changed(endpoint_id, change, principal=principal, services=services)


@router.post("/test", status_code=202, responses=refuses(404, 409))
async def test_endpoint(
    endpoint_id: str, *, principal: Writer, services: Bell, once: Onced
) -> Delivery:
    """Send an `endpoint.test`; it carries the data of a real past change, where there is one.

    It is a delivery like any other: look it up to see how it went.
    """
    record = await again.send_test(
        endpoint_id,
        app_id=principal.reach,
        store=services.store,
        waker=services.waker,
        keep=once.keep(Delivery.of, 202),
    )
    return Delivery.of(record)


@router.post("/preview", responses=refuses(404, 409))
async def preview_digest(endpoint_id: str, principal: Reader, services: Bell) -> Preview:
    """Show the next digest as it would be sent now, and when it is due. Nothing is sent."""
    return await preview(endpoint_id, app_id=principal.reach, services=services)


@router.post(
    "/rotate-secret",
    openapi_extra=takes(Rotation, required=False),
    responses=refuses(400, 404, 409, 413, 422),
)
async def rotate_secret(
    endpoint_id: str,
    *,
    principal: Writer,
    services: Bell,
    once: Onced,
    body: Annotated[Rotation, Depends(json_body(Rotation, may_be_empty=True))],
) -> Rotated:
    """Make a new signing secret; the old ones sign beside it for a while, a day unless told.

    With `overlap_seconds` 0 they end at once: what is sent from now on is signed by the new one
    alone. `DELETE …/secrets/{id}` ends an older one and keeps the rest.
    """

    def view(secret: bytes) -> Rotated:
        return Rotated(secret=format_secret(secret))

    secret = await secrets.rotate_secret(
        endpoint_id,
        timedelta(seconds=body.overlap_seconds),
        app_id=principal.reach,
        desk=services.desk,
        keep=once.keep(view, 200),
    )
    return view(secret)


@router.post("/pause", responses=refuses(404, 409))
async def pause_endpoint(endpoint_id: str, principal: Writer, services: Bell) -> Endpoint:
    """Send nothing until it is enabled; what comes meanwhile is skipped, to be replayed."""
    record = await desk.pause(endpoint_id, app_id=principal.reach, desk=services.desk)
    return await view_endpoint(services, record)


@router.post("/enable", responses=refuses(404, 409))
async def enable_endpoint(endpoint_id: str, principal: Writer, services: Bell) -> Enabled:
    """Take an endpoint back into service; the answer says what it missed.

    Nothing of that is sent unless you ask: `POST …/replay` with this `since`. A chat that has
    paused what it is told says itself when that goes on: 409.
    """
    resumed = await again.resume(endpoint_id, app_id=principal.reach, desk=services.desk)
    return Enabled(
        endpoint=await view_endpoint(services, resumed.endpoint),
        count=resumed.failed + resumed.missing,
        failed=resumed.failed,
        missing=resumed.missing,
        since=resumed.since,
    )


@router.get("/explain", responses=refuses(404, 422))
async def explain(
    endpoint_id: str,
    event: Annotated[str, Query(max_length=64, description="An event's id.")],
    *,
    principal: Reader,
    services: Bell,
) -> Explained:
    """Say why this endpoint was, or was not, told an event."""
    found = await again.explain(endpoint_id, event, app_id=principal.reach, store=services.store)
    return Explained.of(found, services.ladder.policies)


def _with_tokens(old: EndpointRecord, tokens: tuple[TokenId, ...]) -> EndpointRecord:
    return replace(old, filter=replace(old.filter, tokens=tuple(sorted(tokens))))


async def _resolve(token: str, services: Services) -> TokenId:
    async with services.store.read() as tx:
        return await resolve_token(tx, token)


async def _changed(
    endpoint_id: str,
    change: Callable[[EndpointRecord], EndpointRecord],
    *,
    principal: Principal,
    services: Services,
) -> Endpoint:
    record = await desk.change_endpoint(
        endpoint_id, change, app_id=principal.reach, desk=services.desk
    )
    return await view_endpoint(services, record)
