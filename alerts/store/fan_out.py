"""Fan-out: the duty to tell an endpoint of an event, written down."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    and_,
    exists,
    func,
    or_,
    select,
    update,
)

from alerts.domain.deliveries import EndpointState, SkipReason, State
from alerts.store.among import among
from alerts.store.cycles import CycleRecord, CycleState, advance_fan_out
from alerts.store.endpoints import EndpointRecord, Recipient
from alerts.store.engine import CHUNK_ROWS, Transaction, insert_into
from alerts.store.events import EventRecord
from alerts.store.matching import corrections, matches, next_endpoints
from alerts.store.owing import owed, owing
from alerts.store.tables import cycles, deliveries, endpoints, events, lanes, subscriptions

# Endpoints told of a cycle in one transaction, and rows of those that may take all of its events.
FAN_OUT_CHUNK: Final = 5000
FAN_OUT_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction of fan-out wrote. is_last: the cycle is done."""

    endpoints: int
    deliveries: int
    is_last: bool


async def fan_out_chunk(
    tx: Transaction, record: CycleRecord, *, size: int = FAN_OUT_CHUNK
) -> Chunk | None:
    """Owe one cycle's events to the next `size` endpoints that match any, in order of id.

    None: another worker moved this cycle on meanwhile, or an earlier one of its source and kind
    is not fanned out yet, for nobody is told of a token's second event before its first. All of
    an endpoint's deliveries of the cycle are written together, and its lane is due at once,
    whoever holds it.
    """
    if await _has_earlier(tx, record):
        return None
    following = await next_endpoints(tx, record, size, wholesale=_wholesale(record, size))
    ids, is_last = following.ids, following.is_last
    after = ids[-1] if ids else record.fan_out_after
    if not await advance_fan_out(tx, record, after=after, is_last=is_last):
        return None
    if not ids:
        return Chunk(0, 0, is_last)
    await lock_lanes(tx, ids)
    of_cycle = events.c.cycle_id == record.id
    found = matches(of_cycle, subscriptions.c.endpoint_id.between(ids[0], ids[-1]))
    if following.corrected:
        found.append(corrections(of_cycle, deliveries.c.endpoint_id.in_(following.corrected)))
    written = await tx.connection.execute(owing(tx, found, now=await tx.now()))
    await make_due(tx, ids, await tx.now(), only_active=True)
    return Chunk(len(ids), written.rowcount, is_last)


async def owe_in_advance(tx: Transaction, endpoint_id: str, *, through: int) -> None:
    """Owe one endpoint what its filter wants of all that is not fanned out yet.

    For before that filter changes: the fan-out that comes by later finds its part done. The lane
    is locked already. through: the number of the last event that the old filter decides on.
    """
    waiting = select(cycles.c.id).where(cycles.c.state == CycleState.DIFFED)
    found = matches(
        events.c.cycle_id.in_(waiting),
        events.c.sequence <= through,
        subscriptions.c.endpoint_id == endpoint_id,
    )
    now = await tx.now()
    written = await tx.connection.execute(owing(tx, found, now=now))
    if written.rowcount:
        await make_due(tx, [endpoint_id], now, only_active=True)


async def owe_corrections(
    tx: Transaction, endpoint: EndpointRecord, delivery_ids: Sequence[str]
) -> None:
    """Owe an endpoint the corrections of what it is told by hand, and was not told before.

    They wait for what they correct, and live as long. The lane is locked, and due, already.
    delivery_ids: of what it is told by hand.
    """
    now = await tx.now()
    corrected = deliveries.alias("corrected")
    told = select(corrected.c.event_id).where(corrected.c.id.in_(delivery_ids))
    found = corrections(deliveries.c.endpoint_id == endpoint.id, deliveries.c.event_id.in_(told))
    await tx.connection.execute(owing(tx, [found], now=now))
    correcting = select(events.c.id).where(
        events.c.corrects.is_not(None), events.c.corrects.in_(told)
    )
    was_never_tried = or_(
        deliveries.c.reason == SkipReason.UNTOLD,
        and_(deliveries.c.state == State.PENDING, deliveries.c.attempts == 0),
    )
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.endpoint_id == endpoint.id,
            deliveries.c.event_id.in_(correcting),
            was_never_tried,
        )
        .values(
            state=State.PENDING,
            reason=None,
            due_at=now,
            expires_at=now + timedelta(seconds=endpoint.time_to_live_seconds),
            ended_at=None,
        )
    )


def _wholesale(record: CycleRecord, size: int) -> int:
    """How many endpoints that take everything may come at once, each owed a row an event."""
    return max(1, min(size, FAN_OUT_ROWS // max(1, record.events)))


async def cycles_to_fan_out(tx: Transaction) -> list[str]:
    """Ids of diffed cycles in the order of their events, at most 100."""
    query = (
        select(cycles.c.id)
        .join_from(cycles, events, events.c.cycle_id == cycles.c.id)
        .where(cycles.c.state == CycleState.DIFFED)
        .group_by(cycles.c.id)
        .order_by(func.min(events.c.sequence))
        .limit(100)
    )
    return list((await tx.connection.execute(query)).scalars())


async def owe(tx: Transaction, pairs: Sequence[tuple[EventRecord, Recipient]]) -> None:
    """Write the deliveries of these events to these endpoints and make their lanes due.

    An endpoint that is not active gets them as skipped: to be seen, and to be replayed.
    The caller has locked the lanes, in a statement before this.
    """
    if not pairs:
        return
    now = await tx.now()
    statement = insert_into(tx, deliveries).on_conflict_do_nothing()
    for start in range(0, len(pairs), CHUNK_ROWS):
        chunk = pairs[start : start + CHUNK_ROWS]
        randomness = os.urandom(10 * len(chunk))
        rows = [
            owed(event, endpoint, now, distinct=randomness[10 * place : 10 * place + 10])
            for place, (event, endpoint) in enumerate(chunk)
        ]
        await tx.connection.execute(statement, rows)
    due = {endpoint.id for _, endpoint in pairs if endpoint.state is EndpointState.ACTIVE}
    await make_due(tx, sorted(due), now)


async def lock_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Hold these lanes to the end of the transaction, in order of id so that nobody deadlocks."""
    if tx.is_postgresql:
        await tx.connection.execute(
            select(func.count()).select_from(
                select(lanes.c.endpoint_id)
                .where(among(lanes.c.endpoint_id, endpoint_ids))
                .order_by(lanes.c.endpoint_id)
                .with_for_update()
                .subquery("locked")
            )
        )


async def make_due(
    tx: Transaction, endpoint_ids: Sequence[str], now: datetime, *, only_active: bool = False
) -> None:
    """Pull lanes forward to now; they are locked already. only_active: by their endpoints."""
    statement = update(lanes).where(
        among(lanes.c.endpoint_id, endpoint_ids),
        or_(lanes.c.due_at.is_(None), lanes.c.due_at > now),
    )
    if only_active:
        own = (endpoints.c.id == lanes.c.endpoint_id, endpoints.c.state == EndpointState.ACTIVE)
        statement = statement.where(exists().where(*own))
    await tx.connection.execute(statement.values(due_at=now))


async def _has_earlier(tx: Transaction, record: CycleRecord) -> bool:
    own = select(func.min(events.c.sequence)).where(events.c.cycle_id == record.id)
    query = (
        select(cycles.c.id)
        .join_from(cycles, events, events.c.cycle_id == cycles.c.id)
        .where(
            cycles.c.state == CycleState.DIFFED,
            cycles.c.source == record.source,
            cycles.c.kind == record.kind,
            cycles.c.id != record.id,
            events.c.sequence < own.scalar_subquery(),
        )
        .limit(1)
    )
    return (await tx.connection.execute(query)).first() is not None
