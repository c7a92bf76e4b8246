"""Lanes: the queue of one endpoint's deliveries, leased by one worker at a time.

A transaction that changes lanes locks them first, in a statement of its own and in order of
endpoint, and reads their deliveries only in later statements: a statement that waited for a lock
sees the other rows as they were before the wait.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from alerts.domain.deliveries import Channel, Order, SkipReason, State, Trigger
from alerts.store.engine import Transaction
from alerts.store.rows import record_of
from alerts.store.tables import attempts, deliveries, endpoints, events, lanes

_OPEN: Final = (State.PENDING, State.SENDING)


@dataclass(frozen=True, slots=True)
class LeasedLane:
    """A lane now held. lost_lease: of a worker that was lost while it held this lane."""

    endpoint_id: str
    lost_lease: str | None
    rate_limit: float | None
    order: Order


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reserved delivery, with what deciding and sending need.

    attempts: before this one. is_matched: it came by a subscription, and needs one still.
    """

    id: str
    endpoint_id: str
    event_id: str
    sequence: int
    token: str | None
    kind: str | None
    trigger: Trigger
    due_at: datetime
    expires_at: datetime
    position: int
    attempts: int
    interruptions: int
    event_type: str
    is_matched: bool
    notches: int | None
    size: int | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A delivery whose worker was lost while it was being sent."""

    id: str
    endpoint_id: str
    channel: Channel
    trigger: Trigger
    due_at: datetime
    started_at: datetime
    position: int
    attempts: int
    interruptions: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a delivery becomes; only while our lease still holds it."""

    delivery_id: str
    state: State
    reason: str | None
    position: int
    interruptions: int
    due_at: datetime | None


async def next_due(tx: Transaction) -> datetime | None:
    """When the next lane wants a worker; a lost worker's lanes when their lease ends."""
    freed = case((lanes.c.lease_id.is_(None), lanes.c.due_at), else_=lanes.c.lease_until)
    wake = _greatest(tx, freed, func.coalesce(lanes.c.held_until, 0))
    wake = _greatest(tx, wake, func.coalesce(lanes.c.next_slot_at, 0))
    query = select(func.min(wake, type_=lanes.c.due_at.type)).where(
        lanes.c.due_at.is_not(None), lanes.c.pool.is_(None)
    )
    return (await tx.connection.execute(query)).scalar_one_or_none()


async def lease_lanes(
    tx: Transaction, lease_id: str, *, limit: int, lease: timedelta
) -> list[LeasedLane]:
    """Take up to `limit` lanes that are due and free, those waiting longest first."""
    now = await tx.now()
    columns = lanes.c
    query = (
        select(columns.endpoint_id, columns.lease_id, endpoints.c.rate_limit, endpoints.c.order)
        .join_from(lanes, endpoints, endpoints.c.id == columns.endpoint_id)
        .where(
            columns.due_at <= now,
            columns.pool.is_(None),
            or_(columns.lease_id.is_(None), columns.lease_until <= now),
            or_(columns.held_until.is_(None), columns.held_until <= now),
            or_(columns.next_slot_at.is_(None), columns.next_slot_at <= now),
        )
        .order_by(columns.due_at, columns.endpoint_id)
        .limit(limit)
        .with_for_update(of=lanes, skip_locked=True)
    )
    leased = [
        LeasedLane(row.endpoint_id, row.lease_id, row.rate_limit, Order(row.order))
        for row in await tx.connection.execute(query)
    ]
    if leased:
        await tx.connection.execute(
            update(lanes)
            .where(columns.endpoint_id.in_([lane.endpoint_id for lane in leased]))
            .values(lease_id=lease_id, lease_until=now + lease)
        )
    return leased


async def extend_leases(tx: Transaction, lease_ids: Sequence[str], lease: timedelta) -> set[str]:
    """Hold on to lanes; returns the endpoints whose lanes are still ours."""
    now = await tx.now()
    kept = await tx.connection.execute(
        update(lanes)
        .where(lanes.c.lease_id.in_(lease_ids))
        .values(lease_until=now + lease)
        .returning(lanes.c.endpoint_id)
    )
    return set(kept.scalars())


async def supersede(tx: Transaction, endpoint_ids: Sequence[str]) -> int:
    """End what waits behind something newer about the same token and kind, by the schedule."""
    if not endpoint_ids:
        return 0
    newer = deliveries.alias("newer")
    is_newer = and_(
        newer.c.endpoint_id == deliveries.c.endpoint_id,
        newer.c.token == deliveries.c.token,
        newer.c.kind == deliveries.c.kind,
        newer.c.sequence > deliveries.c.sequence,
        newer.c.state.in_((State.PENDING, State.SENDING, State.DELIVERED)),
    )
    ended = await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.PENDING,
            deliveries.c.lease_id.is_(None),
            deliveries.c.trigger == Trigger.SCHEDULE,
            exists(select(newer.c.id).where(is_newer)),
        )
        .values(state=State.SKIPPED, reason="superseded", ended_at=await tx.now())
    )
    return ended.rowcount


async def reserve(
    tx: Transaction,
    lease_id: str,
    quotas: Sequence[tuple[str, int]],
    *,
    strict: Collection[str],
) -> list[Waiting]:
    """Put our lease on the next due deliveries of lanes we hold; no attempt is spent yet.

    quotas: (endpoint, how many). First attempts come before retries, older events before newer.
    strict: endpoints where a newer event about a token and kind waits until the older has ended.
    """
    if not quotas:
        return []
    now = await tx.now()
    groups: dict[tuple[int, bool], list[str]] = {}
    for endpoint_id, count in quotas:
        groups.setdefault((count, endpoint_id in strict), []).append(endpoint_id)
    found: list[Waiting] = []
    for (count, is_strict), ids in groups.items():
        heads = _heads(tx, ids, count, now, is_strict=is_strict)
        found += [_waiting(row) for row in await tx.connection.execute(heads)]
    if found:
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_([waiting.id for waiting in found]))
            .values(lease_id=lease_id)
        )
    return sorted(found, key=lambda waiting: (waiting.position > 0, waiting.sequence))


async def start(tx: Transaction, delivery_ids: Sequence[str]) -> None:
    """Spend an attempt: from here on a lost worker means an interrupted attempt."""
    if delivery_ids:
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(delivery_ids))
            .values(
                state=State.SENDING,
                attempts=deliveries.c.attempts + 1,
                started_at=await tx.now(),
            )
        )


async def unstart(tx: Transaction, lease_id: str, delivery_ids: Sequence[str]) -> None:
    """Give back what was started and never sent, attempt and all."""
    if delivery_ids:
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id.in_(delivery_ids),
                deliveries.c.lease_id == lease_id,
                deliveries.c.state == State.SENDING,
            )
            .values(state=State.PENDING, attempts=deliveries.c.attempts - 1, lease_id=None)
        )


async def skip_waiting(tx: Transaction, endpoint_ids: Sequence[str], reason: SkipReason) -> None:
    """End all that waits for endpoints that take nothing now."""
    if endpoint_ids:
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.endpoint_id.in_(endpoint_ids),
                deliveries.c.state == State.PENDING,
                deliveries.c.lease_id.is_(None),
            )
            .values(state=State.SKIPPED, reason=reason, ended_at=await tx.now())
        )


async def take_slots(tx: Transaction, taken: Iterable[tuple[str, timedelta]]) -> None:
    """Space sends: after (endpoint, gap) the next one may start a gap from now."""
    now = await tx.now()
    for endpoint_id, gap in taken:
        await tx.connection.execute(
            update(lanes).where(lanes.c.endpoint_id == endpoint_id).values(next_slot_at=now + gap)
        )


async def lock_held(tx: Transaction, endpoint_ids: Sequence[str]) -> dict[str, str | None]:
    """Lock lanes, in order; returns the lease that is on each now."""
    query = (
        select(lanes.c.endpoint_id, lanes.c.lease_id)
        .where(lanes.c.endpoint_id.in_(endpoint_ids))
        .order_by(lanes.c.endpoint_id)
        .with_for_update()
    )
    return {row.endpoint_id: row.lease_id for row in await tx.connection.execute(query)}


async def insert_attempts(tx: Transaction, rows: Sequence[dict[str, object]]) -> None:
    """Log tries: whatever else holds, they happened."""
    if rows:
        await tx.connection.execute(insert(attempts), list(rows))


async def apply_decisions(tx: Transaction, lease_id: str, decisions: Sequence[Decision]) -> None:
    """Settle deliveries that our lease still holds; it comes off them."""
    if not decisions:
        return
    now = await tx.now()
    statement = (
        update(deliveries)
        .where(deliveries.c.id == bindparam("of_id"), deliveries.c.lease_id == lease_id)
        .values(
            state=bindparam("to_state"),
            reason=bindparam("to_reason"),
            position=bindparam("to_position"),
            interruptions=bindparam("to_interruptions"),
            due_at=func.coalesce(
                bindparam("to_due_at", type_=deliveries.c.due_at.type), deliveries.c.due_at
            ),
            ended_at=bindparam("to_ended_at", type_=deliveries.c.ended_at.type),
            lease_id=None,
        )
    )
    await tx.connection.execute(
        statement,
        [
            {
                "of_id": decision.delivery_id,
                "to_state": decision.state,
                "to_reason": decision.reason,
                "to_position": decision.position,
                "to_interruptions": decision.interruptions,
                "to_due_at": decision.due_at,
                "to_ended_at": None if decision.state in _OPEN else now,
            }
            for decision in decisions
        ],
    )


async def deliver_late(tx: Transaction, delivery_ids: Sequence[str]) -> None:
    """A worker that lost its lease did deliver: that much is true, and nothing else changes."""
    if delivery_ids:
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(delivery_ids), deliveries.c.state != State.DELIVERED)
            .values(state=State.DELIVERED, reason=None, lease_id=None, ended_at=await tx.now())
        )


async def hold(tx: Transaction, endpoint_id: str, until: datetime) -> None:
    """Send nothing to this endpoint before then."""
    await tx.connection.execute(
        update(lanes)
        .where(
            lanes.c.endpoint_id == endpoint_id,
            or_(lanes.c.held_until.is_(None), lanes.c.held_until < until),
        )
        .values(held_until=until)
    )


async def release_lanes(tx: Transaction, lease_id: str, endpoint_ids: Sequence[str]) -> None:
    """Give lanes back: what was reserved and not started is free again.

    The lanes are locked already. Each is due when the first of its open deliveries is.
    """
    if not endpoint_ids:
        return
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.lease_id == lease_id,
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.PENDING,
        )
        .values(lease_id=None)
    )
    await tx.connection.execute(
        update(lanes)
        .where(lanes.c.lease_id == lease_id, lanes.c.endpoint_id.in_(endpoint_ids))
        .values(lease_id=None, lease_until=None, due_at=_due_of_lane(await tx.now()))
    )


async def lost_deliveries(
    tx: Transaction, lease_ids: Collection[str], endpoint_ids: Collection[str]
) -> list[Interrupted]:
    """What was being sent under leases that ended, for a decision on each."""
    query = (
        select(
            deliveries.c.id,
            deliveries.c.endpoint_id,
            endpoints.c.channel,
            deliveries.c.trigger,
            deliveries.c.due_at,
            deliveries.c.started_at,
            deliveries.c.position,
            deliveries.c.attempts,
            deliveries.c.interruptions,
        )
        .join_from(deliveries, endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(
            deliveries.c.lease_id.in_(lease_ids),
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.SENDING,
        )
    )
    return [
        Interrupted(row[0], row[1], Channel(row[2]), Trigger(row[3]), *row[4:])
        for row in await tx.connection.execute(query)
    ]


async def free_reserved(
    tx: Transaction, lease_ids: Collection[str], endpoint_ids: Collection[str]
) -> None:
    """What a lost worker had reserved and not begun is free again."""
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.lease_id.in_(lease_ids),
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.PENDING,
        )
        .values(lease_id=None)
    )


async def expired_lanes(tx: Transaction, limit: int) -> list[tuple[str, str]]:
    """(endpoint, lease) of lanes whose worker was lost, locked."""
    query = (
        select(lanes.c.endpoint_id, lanes.c.lease_id)
        .where(lanes.c.lease_id.is_not(None), lanes.c.lease_until <= await tx.now())
        .order_by(lanes.c.endpoint_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row.endpoint_id, row.lease_id) for row in await tx.connection.execute(query)]


async def free_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Take the lease of a lost worker off lanes that are locked already."""
    await tx.connection.execute(
        update(lanes)
        .where(lanes.c.endpoint_id.in_(endpoint_ids))
        .values(lease_id=None, lease_until=None, due_at=_due_of_lane(await tx.now()))
    )


async def repair_lanes(tx: Transaction, limit: int) -> int:
    """Wake free lanes that have something due and would sleep past it; how many there were.

    There are none, unless something is wrong in this file.
    """
    waiting = select(func.min(deliveries.c.due_at)).where(
        deliveries.c.endpoint_id == lanes.c.endpoint_id,
        deliveries.c.state == State.PENDING,
        deliveries.c.due_at <= await tx.now(),
    )
    asleep = (
        select(lanes.c.endpoint_id)
        .where(
            lanes.c.lease_id.is_(None),
            func.coalesce(waiting.scalar_subquery(), _NEVER)
            < func.coalesce(lanes.c.due_at, _NEVER),
        )
        .order_by(lanes.c.endpoint_id)
        .limit(limit)
        .with_for_update(of=lanes, skip_locked=True)
    )
    ids = list((await tx.connection.execute(asleep)).scalars())
    if not ids:
        return 0
    repaired = await tx.connection.execute(
        update(lanes)
        .where(
            lanes.c.endpoint_id.in_(ids),
            lanes.c.lease_id.is_(None),
            func.coalesce(waiting.scalar_subquery(), _NEVER)
            < func.coalesce(lanes.c.due_at, _NEVER),
        )
        .values(due_at=await tx.now())
    )
    return repaired.rowcount


_NEVER: Final = 2**62


def _due_of_lane(now: datetime) -> ColumnElement[datetime | None]:
    """When the first open delivery of a lane is due, its order considered; null if none is."""
    is_strict = exists(
        select(endpoints.c.id).where(
            endpoints.c.id == lanes.c.endpoint_id, endpoints.c.order == Order.STRICT
        )
    )
    return (
        select(func.min(deliveries.c.due_at))
        .where(
            deliveries.c.endpoint_id == lanes.c.endpoint_id,
            deliveries.c.state == State.PENDING,
            or_(~is_strict, ~_has_older_open(deliveries)),
        )
        .scalar_subquery()
    )


def _has_older_open(newer: FromClause) -> ColumnElement[bool]:
    """Whether an older delivery about the same token and kind has not ended."""
    older = deliveries.alias("older")
    return exists(
        select(older.c.id).where(
            older.c.endpoint_id == newer.c.endpoint_id,
            older.c.token == newer.c.token,
            older.c.kind == newer.c.kind,
            older.c.sequence < newer.c.sequence,
            older.c.state.in_(_OPEN),
        )
    )


def _heads(
    tx: Transaction, endpoint_ids: Sequence[str], count: int, now: datetime, *, is_strict: bool
) -> Select[tuple[object, ...]]:
    """The first `count` due deliveries of each lane, read from the index and no further."""
    head = deliveries.alias("head")
    first = (
        select(head.c.id)
        .where(
            head.c.endpoint_id == lanes.c.endpoint_id,
            head.c.state == State.PENDING,
            head.c.lease_id.is_(None),
            head.c.due_at <= now,
        )
        .order_by(head.c.position, head.c.sequence)
        .limit(count)
    )
    if is_strict:
        first = first.where(~_has_older_open(head))
    columns = (
        deliveries.c.id,
        deliveries.c.endpoint_id,
        deliveries.c.event_id,
        deliveries.c.sequence,
        deliveries.c.token,
        deliveries.c.kind,
        deliveries.c.trigger,
        deliveries.c.due_at,
        deliveries.c.expires_at,
        deliveries.c.position,
        deliveries.c.attempts,
        deliveries.c.interruptions,
        events.c.type.label("event_type"),
        (events.c.type_bit != 0).label("is_matched"),
        events.c.notches,
        events.c.size,
        events.c.body,
    )
    # PostgreSQL plans LATERAL well and a correlated IN badly; SQLite has only the latter.
    if tx.is_postgresql:
        lateral = first.correlate(lanes).lateral("first")
        joined = lanes.join(lateral, true()).join(deliveries, deliveries.c.id == lateral.c.id)
    else:
        joined = lanes.join(deliveries, deliveries.c.id.in_(first.correlate(lanes)))
    return (
        select(*columns)
        .select_from(joined.join(events, events.c.id == deliveries.c.event_id))
        .where(lanes.c.endpoint_id.in_(endpoint_ids))
    )


def _greatest(
    tx: Transaction, one: ColumnElement[int], other: ColumnElement[int]
) -> ColumnElement[int]:
    return func.greatest(one, other) if tx.is_postgresql else func.max(one, other)


def _waiting(row: Row[tuple[object, ...]]) -> Waiting:
    return record_of(row, Waiting)
