"""Replays: what an endpoint missed or failed to take is sent again, and how far that has come."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from alerts.api.bodies import json_body, takes
from alerts.api.deps import Bell, Paging, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.schemas.replays import NewReplay, Replay, Replayed, Replays
from alerts.errors import NotFound
from alerts.pipeline.access import Principal
from alerts.pipeline.replay import count_replayable
from alerts.pipeline.replay import replay as send_again
from alerts.store.endpoints import find_endpoint
from alerts.store.engine import Transaction
from alerts.store.replays import ReplayRecord, find_replay, list_replays, read_progress

router = APIRouter(prefix="/v1/endpoints/{endpoint_id}", tags=["Endpoints"])


@router.post("/replay", openapi_extra=takes(NewReplay), responses=refuses(400, 404, 409, 413, 422))
async def replay(
    endpoint_id: str,
    *,
    principal: Writer,
    services: Bell,
    once: Onced,
    body: Annotated[NewReplay, Depends(json_body(NewReplay))],
) -> Replayed:
    """Send again what failed or was missed; with `dry_run`, only say how much that is.

    Receivers know them by `webhook-id`: it is the same as the first time. What is new goes first,
    however much is sent again.
    """
    app_id, store = principal.reach, services.store
    if body.dry_run:
        count = await count_replayable(endpoint_id, body.wanted(), app_id=app_id, store=store)
        return Replayed(count=count, id=None)

    def view(record: ReplayRecord) -> Replayed:
        return Replayed(count=record.total, id=record.id)

    return view(
        await send_again(
            endpoint_id,
            body.wanted(),
            app_id=app_id,
            store=store,
            waker=services.waker,
            keep=once.keep(view, 200),
        )
    )


@router.get("/replays", response_model=Replays, responses=refuses(404, 422))
async def show_replays(
    endpoint_id: str, *, principal: Reader, services: Bell, query: Annotated[Paging, Query()]
) -> dict[str, Any]:
    """List an endpoint's replays."""
    async with services.store.read() as tx:
        await _check(tx, endpoint_id, principal)
        records = await list_replays(tx, endpoint_id, before=query.before_id, limit=query.and_one)
        progress = await read_progress(tx, records)
    return query.page(progress, Replay.of, lambda one: [one.replay.id])


@router.get("/replays/{replay_id}", responses=refuses(404))
async def show_replay(
    endpoint_id: str, replay_id: str, *, principal: Reader, services: Bell
) -> Replay:
    """Show how far a replay has come."""
    async with services.store.read() as tx:
        await _check(tx, endpoint_id, principal)
        record = await find_replay(tx, replay_id)
        if record is None or record.endpoint_id != endpoint_id:
            raise NotFound("replay", replay_id)
        (progress,) = await read_progress(tx, [record])
    return Replay.of(progress)


async def _check(tx: Transaction, endpoint_id: str, principal: Principal) -> None:
    if await find_endpoint(tx, endpoint_id, app_id=principal.reach) is None:
        raise NotFound("endpoint", endpoint_id)
