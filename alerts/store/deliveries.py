"""Deliveries: what is owed to whom, and the log of what became of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    union,
    update,
)

from alerts.domain.deliveries import EndpointState, SkipReason, State, Trigger
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ids import DELIVERY, make_id
from alerts.store.cycles import CycleRecord, advance_fan_out
from alerts.store.endpoints import EndpointRecord, find_endpoints, wants
from alerts.store.engine import Transaction, insert_into
from alerts.store.events import EventRecord
from alerts.store.rows import record_of
from alerts.store.tables import attempts, deliveries, endpoints, events, lanes, subscriptions

# Endpoints whose deliveries of a cycle are written in one transaction.
FAN_OUT_CHUNK: Final = 5000
_SKIPS: Final = {
    EndpointState.PAUSED: SkipReason.PAUSED,
    EndpointState.DISABLED: SkipReason.DISABLED,
}


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as the log shows it. reason: a Reason, SkipReason or EndReason."""

    id: str
    event_id: str
    endpoint_id: str
    sequence: int
    token: TokenId | None
    kind: Kind | None
    state: State
    reason: str | None
    deferred_reason: str | None
    trigger: Trigger
    due_at: datetime
    expires_at: datetime
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    event_type: str


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try, as the log shows it. outcome: delivered, deferred, rejected, unknown, interrupted."""

    id: str
    delivery_id: str
    send_id: str
    number: int
    trigger: Trigger
    position: int
    scheduled_for: datetime
    started_at: datetime
    ended_at: datetime
    outcome: str
    reason: str | None
    status_code: int | None
    response_body: bytes | None
    truncated: bool
    remote_address: str | None
    timings_ms: dict[str, float]
    secret_ids: list[str]
    provider_id: str | None
    effect: str | None
    detail: str | None
    worker: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which deliveries to list; None does not narrow."""

    endpoint_id: str | None = None
    state: str | None = None
    reason: str | None = None
    token: str | None = None
    kind: str | None = None
    since: datetime | None = None


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

    None: another worker moved this cycle on meanwhile. All of an endpoint's deliveries of the
    cycle are written together, and its lane is due at once, whoever holds it.
    """
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


async def owe(tx: Transaction, pairs: Sequence[tuple[EventRecord, EndpointRecord]]) -> None:
    """Write the deliveries of these events to these endpoints and make their lanes due.

    An endpoint that is not active gets them as skipped: to be seen, and to be replayed.
    The caller has locked the lanes, in a statement before this.
    """
    if not pairs:
        return
    now = await tx.now()
    randomness = os.urandom(10 * len(pairs))
    rows = []
    due: set[str] = set()
    for number, (event, endpoint) in enumerate(pairs):
        skip = _SKIPS.get(endpoint.state)
        if skip is None:
            due.add(endpoint.id)
        rows.append(
            {
                "id": make_id(DELIVERY, now, randomness[10 * number : 10 * number + 10]),
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
        )
    await tx.connection.execute(insert_into(tx, deliveries).on_conflict_do_nothing(), rows)
    await make_due(tx, sorted(due), now)


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


async def reopen(tx: Transaction, endpoint: EndpointRecord, condition: ColumnElement[bool]) -> int:
    """Return an endpoint's ended deliveries to the queue, asked for by hand; how many.

    They start the schedule anew and live as long as a new delivery would.
    """
    await lock_lanes(tx, [endpoint.id])
    now = await tx.now()
    reopened = await tx.connection.execute(
        update(deliveries)
        .where(deliveries.c.endpoint_id == endpoint.id, condition)
        .values(
            state=State.PENDING,
            reason=None,
            deferred_reason=None,
            trigger=Trigger.MANUAL,
            due_at=now,
            expires_at=now + timedelta(seconds=endpoint.time_to_live_seconds),
            position=0,
            interruptions=0,
            ended_at=None,
        )
    )
    if reopened.rowcount:
        await make_due(tx, [endpoint.id], now)
    return reopened.rowcount


def ended_delivery(delivery_id: str) -> ColumnElement[bool]:
    """One delivery, if nobody is at it."""
    open_states = (State.PENDING, State.SENDING)
    return and_(deliveries.c.id == delivery_id, deliveries.c.state.not_in(open_states))


def replayable(*, only: str | None, since: datetime, until: datetime | None) -> ColumnElement[bool]:
    """Deliveries created from `since` up to `until`: failed (dead, unknown), missing (skipped)."""
    failed, missing = (State.DEAD, State.UNKNOWN), (State.SKIPPED,)
    states = {"failed": failed, "missing": missing}.get(only or "", failed + missing)
    condition = and_(deliveries.c.state.in_(states), deliveries.c.created_at >= since)
    if until is not None:
        condition = and_(condition, deliveries.c.created_at < until)
    return condition


async def count_deliveries(
    tx: Transaction, endpoint_id: str, condition: ColumnElement[bool]
) -> int:
    """How many of an endpoint's deliveries meet a condition."""
    query = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.endpoint_id == endpoint_id, condition)
    )
    return (await tx.connection.execute(query)).scalar_one()


async def find_delivery(
    tx: Transaction, delivery_id: str, *, app_id: str | None
) -> DeliveryRecord | None:
    """A delivery by id. app_id: only if its endpoint is this app's."""
    query = _log(app_id).where(deliveries.c.id == delivery_id)
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else _delivery(row)


async def find_delivery_of(
    tx: Transaction, event_id: str, endpoint_id: str
) -> DeliveryRecord | None:
    """The delivery of one event to one endpoint."""
    query = _log(None).where(
        deliveries.c.event_id == event_id, deliveries.c.endpoint_id == endpoint_id
    )
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else _delivery(row)


async def list_deliveries(
    tx: Transaction, wanted: LogFilter, *, app_id: str | None, before: str | None, limit: int
) -> list[DeliveryRecord]:
    """The log, newest first, deliveries with an id below `before`."""
    columns = deliveries.c
    query = _log(app_id).order_by(columns.id.desc()).limit(limit)
    narrowed = (
        (columns.endpoint_id, wanted.endpoint_id),
        (columns.state, wanted.state),
        (columns.reason, wanted.reason),
        (columns.token, wanted.token),
        (columns.kind, wanted.kind),
    )
    for column, value in narrowed:
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(columns.id >= make_id(DELIVERY, wanted.since, bytes(10)))
    if before is not None:
        query = query.where(columns.id < before)
    return [_delivery(row) for row in await tx.connection.execute(query)]


async def list_attempts(tx: Transaction, delivery_id: str) -> list[AttemptRecord]:
    """All tries at a delivery, in order."""
    query = (
        select(attempts)
        .where(attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.number, attempts.c.id)
    )
    rows = await tx.connection.execute(query)
    return [record_of(row, AttemptRecord) for row in rows]  # noqa: SLF001


async def count_by_state(tx: Transaction) -> dict[str, int]:
    """How many deliveries are in each state."""
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return {row[0]: row[1] for row in await tx.connection.execute(query)}


async def delivered_endpoints(tx: Transaction, event_id: str) -> list[str]:
    """Who was delivered an event, in order of id: those to be told of its correction."""
    query = (
        select(deliveries.c.endpoint_id)
        .where(deliveries.c.event_id == event_id, deliveries.c.state == State.DELIVERED)
        .order_by(deliveries.c.endpoint_id)
    )
    return list((await tx.connection.execute(query)).scalars())


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


def _log(app_id: str | None) -> Select[tuple[object, ...]]:
    query = select(
        *(
            deliveries.c[name]
            for name in DeliveryRecord.__dataclass_fields__
            if name != "event_type"
        ),
        events.c.type.label("event_type"),
    ).join_from(deliveries, events, deliveries.c.event_id == events.c.id)
    if app_id is None:
        return query
    return query.join(
        endpoints,
        and_(endpoints.c.id == deliveries.c.endpoint_id, endpoints.c.app_id == app_id),
    )


def _delivery(row: Row[tuple[object, ...]]) -> DeliveryRecord:
    return record_of(row, DeliveryRecord)
