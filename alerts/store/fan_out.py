"""Fan-out: the duty to tell an endpoint of an event, written down."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    func,
    or_,
    select,
    union,
    update,
)

from alerts.domain.deliveries import EndpointState, SkipReason, State, Trigger
from alerts.domain.ids import DELIVERY, make_id
from alerts.store.cycles import CycleRecord, CycleState, advance_fan_out
from alerts.store.endpoints import EndpointRecord, find_endpoints
from alerts.store.engine import CHUNK_ROWS, Transaction, insert_into
from alerts.store.events import EventRecord
from alerts.store.rows import record_of
from alerts.store.subscriptions import wants
from alerts.store.tables import cycles, deliveries, events, lanes, subscriptions

# Endpoints whose deliveries of a cycle are written in one transaction.
FAN_OUT_CHUNK: Final = 5000


_SKIPS: Final = {
    EndpointState.PAUSED: SkipReason.PAUSED,
    EndpointState.DISABLED: SkipReason.DISABLED,
}


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
    ids = await _matching_endpoints(tx, record, size)
    is_last = len(ids) < size
    after = ids[-1] if ids else record.fan_out_after
    if not await advance_fan_out(tx, record, after=after, is_last=is_last):
        return None
    if not ids:
        return Chunk(0, 0, is_last)
    await lock_lanes(tx, ids)
    owed = (await tx.connection.execute(_pairs(record, ids[0], ids[-1]))).all()
    targets = await find_endpoints(tx, ids)
    event_rows = await _cycle_events(tx, record)
    # An endpoint deleted since the look-up has taken its lane along; nothing is owed to it.
    pairs = [
        (event_rows[row.event_id], targets[row.endpoint_id])
        for row in owed
        if row.endpoint_id in targets
    ]
    await owe(tx, pairs)
    return Chunk(len(ids), len(pairs), is_last)


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


async def owe(tx: Transaction, pairs: Sequence[tuple[EventRecord, EndpointRecord]]) -> None:
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
            _owed(event, endpoint, now, distinct=randomness[10 * place : 10 * place + 10])
            for place, (event, endpoint) in enumerate(chunk)
        ]
        await tx.connection.execute(statement, rows)
    due = {endpoint.id for _, endpoint in pairs if endpoint.state is EndpointState.ACTIVE}
    await make_due(tx, sorted(due), now)


def _owed(
    event: EventRecord, endpoint: EndpointRecord, now: datetime, *, distinct: bytes
) -> dict[str, object]:
    skip = _SKIPS.get(endpoint.state)
    return {
        "id": make_id(DELIVERY, now, distinct),
        "event_id": event.id,
        "endpoint_id": endpoint.id,
        "sequence": event.sequence,
        "token": event.token,
        "kind": event.kind,
        "state": State.PENDING if skip is None else State.SKIPPED,
        "reason": skip,
        "trigger": Trigger.SCHEDULE,
        "due_at": now,
        "expires_at": event.recorded_at + timedelta(seconds=endpoint.time_to_live_seconds),
        "position": 0,
        "attempts": 0,
        "interruptions": 0,
        "created_at": now,
        "ended_at": None if skip is None else now,
    }


async def lock_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Hold these lanes to the end of the transaction, in order of id so that nobody deadlocks."""
    if tx.is_postgresql:
        await tx.connection.execute(
            select(lanes.c.endpoint_id)
            .where(lanes.c.endpoint_id.in_(endpoint_ids))
            .order_by(lanes.c.endpoint_id)
            .with_for_update()
        )


async def make_due(tx: Transaction, endpoint_ids: Sequence[str], now: datetime) -> None:
    """Pull lanes forward to now; they are locked already."""
    if endpoint_ids:
        await tx.connection.execute(
            update(lanes)
            .where(
                lanes.c.endpoint_id.in_(endpoint_ids),
                or_(lanes.c.due_at.is_(None), lanes.c.due_at > now),
            )
            .values(due_at=now)
        )


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


async def _matching_endpoints(tx: Transaction, record: CycleRecord, size: int) -> list[str]:
    after = subscriptions.c.endpoint_id > (record.fan_out_after or "")
    matching = _matches(record, after).subquery()
    query = select(matching.c.endpoint_id).distinct().order_by(matching.c.endpoint_id).limit(size)
    return list((await tx.connection.execute(query)).scalars())


def _pairs(record: CycleRecord, first: str, last: str) -> CompoundSelect[tuple[str, str]]:
    return _matches(record, subscriptions.c.endpoint_id.between(first, last))


def _matches(record: CycleRecord, where: ColumnElement[bool]) -> CompoundSelect[tuple[str, str]]:
    """(event, endpoint) of a cycle, each once: by token, and by subscription to all."""
    return union(
        *(
            select(events.c.id.label("event_id"), subscriptions.c.endpoint_id)
            .join_from(events, subscriptions, wants(is_token=is_token))
            .where(events.c.cycle_id == record.id, events.c.type_bit != 0, where)
            for is_token in (True, False)
        )
    )


async def _cycle_events(tx: Transaction, record: CycleRecord) -> dict[str, EventRecord]:
    query = select(
        *(events.c[name] for name in EventRecord.__dataclass_fields__ if name != "body")
    ).where(events.c.cycle_id == record.id)
    found = {}
    for row in await tx.connection.execute(query):
        found[row.id] = record_of(row, EventRecord, body=b"")
    return found
