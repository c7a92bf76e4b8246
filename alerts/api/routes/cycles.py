"""Cycles: pushed, listed, and decided on when they were held."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from alerts.api.bodies import read_body, takes
from alerts.api.deps import Admin, Bell, Ingester, Paging, Reader
from alerts.api.docs import refuses
from alerts.api.ingest import LIMITS, MOST_BYTES, THREAD_BYTES, Push, read_push
from alerts.api.schemas.base import KindName
from alerts.api.schemas.cycles import (
    Accepted,
    Cycle,
    CycleDetail,
    Cycles,
    NewCycle,
    Rejected,
)
from alerts.bootstrap import Services
from alerts.errors import Conflict, NotFound
from alerts.pipeline import release
from alerts.pipeline.diff import diff_at_once
from alerts.ports import Call
from alerts.store.cycles import (
    REJECTED_KEPT,
    CycleState,
    Origin,
    find_cycle,
    list_cycles,
    list_rejected,
)

router = APIRouter(prefix="/v1/cycles", tags=["Cycles"])


class CycleQuery(Paging):
    """Which cycles."""

    source: str | None = Field(default=None, max_length=64)
    kind: KindName | None = None
    state: CycleState | None = None


@router.post(
    "",
    status_code=201,
    openapi_extra=takes(NewCycle),
    responses=refuses(400, 409, 413, 422),
)
async def push_cycle(request: Request, principal: Ingester, services: Bell) -> Accepted:
    """Push the grades of one cycle.

    The same gate, comparison and fan-out as for a cycle that was polled. When this answers, the
    changes are durable and will be told; pushing the same grades again changes nothing.

    A row that cannot be read is rejected by itself, the others stand. At most 10 MB and 50,000
    rows: send more in parts with `complete: false`. A cycle none of whose rows could be read is
    kept like any other, for its rejected rows to be looked at: a partial one comes to nothing, a
    complete one is held.
    """
    push = await _read(request, services)
    principal.require_source(push.cycle.source)
    plan = services.plan
    if plan is not None and push.cycle.source == plan.source.name:
        problem = f"the source {push.cycle.source!r} is polled here and cannot be pushed to"
        raise Conflict(problem, field="source")
    record = await diff_at_once(
        push.cycle,
        origin=Origin.PUSH,
        rejected=push.rejected,
        store=services.store,
        ladder=services.ladder,
        waker=services.waker,
    )
    rejected = push.rejected
    return Accepted(
        id=record.id,
        state=record.state,
        hold_reason=record.hold_reason,
        events=record.events,
        rejected=[Rejected.of(row) for row in rejected[:REJECTED_KEPT]],
        rejected_count=len(rejected),
    )


@router.get("", response_model=Cycles, responses=refuses(422))
async def show_cycles(
    _principal: Reader, services: Bell, query: Annotated[CycleQuery, Query()]
) -> dict[str, Any]:
    """List what came in: swept, pushed, held, and why."""
    async with services.store.read() as tx:
        records = await list_cycles(
            tx,
            before=query.before_id,
            limit=query.and_one,
            source=query.source,
            kind=query.kind,
            state=query.state,
        )
    return query.page(records, Cycle.of, lambda record: [record.id])


@router.get("/{cycle_id}", responses=refuses(404))
async def show_cycle(cycle_id: str, _principal: Reader, services: Bell) -> CycleDetail:
    """Show one cycle with the rows it left out."""
    async with services.store.read() as tx:
        record = await find_cycle(tx, cycle_id)
        if record is None:
            raise NotFound("cycle", cycle_id)
        rejected = await list_rejected(tx, cycle_id)
    detail = CycleDetail.of(record)
    return detail.model_copy(update={"rejected": [Rejected.of(row) for row in rejected]})


@router.post("/{cycle_id}/release", responses=refuses(404, 409))
async def release_cycle(cycle_id: str, _principal: Admin, services: Bell) -> Cycle:
    """Believe a held cycle after all.

    It is compared if it is newer than what was accepted since, else it becomes history; either
    way its count is what later cycles are held against.
    """
    record = await release.release(cycle_id, store=services.store, ladder=services.ladder)
    await services.waker.wake(Call.CYCLES)
    return Cycle.of(record)


@router.post("/{cycle_id}/discard", responses=refuses(404, 409))
async def discard_cycle(cycle_id: str, _principal: Admin, services: Bell) -> Cycle:
    """Drop a held cycle for good."""
    return Cycle.of(await release.discard(cycle_id, store=services.store))


async def _read(request: Request, services: Services) -> Push:
    body = await read_body(request, MOST_BYTES, LIMITS)
    now = services.clock.now()
    if len(body) > THREAD_BYTES:
        return await asyncio.to_thread(read_push, body, now)
    return read_push(body, now)
