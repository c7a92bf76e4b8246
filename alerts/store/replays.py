"""Replays: ended deliveries return to the queue because somebody asks, a part at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, and_, func, insert, literal_column, or_, select, update

from alerts.domain.deliveries import State, Trigger
from alerts.store.endpoints import EndpointRecord
from alerts.store.engine import Transaction
from alerts.store.fan_out import lock_lanes, make_due, owe_corrections
from alerts.store.queue import OPEN
from alerts.store.rows import record_of
from alerts.store.tables import deliveries, replays

# What returns in one transaction, and may wait in a lane: retries that fall due stand behind it.
PART: Final = 250

_FAILED: Final = (State.DEAD, State.UNKNOWN)
_MISSING: Final = (State.SKIPPED,)


class ReplayState(StrEnum):
    """running: some of it is still to be brought back. stopped: its endpoint took nothing more."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ReplayRecord:
    """What was to be sent again: deliveries that ended from `since` up to `until`.

    only: `failed`, `missing`, None for both. total: how many there were when it was asked for.
    brought: how many of them have returned to the queue. ended_at: when the last one did.
    """

    id: str
    endpoint_id: str
    only: str | None
    since: datetime
    until: datetime
    total: int
    brought: int
    state: ReplayState
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """A replay, and what has become of what it brought back. waiting: or is being sent."""

    replay: ReplayRecord
    waiting: int
    delivered: int
    failed: int
    skipped: int


def idle_delivery(delivery_id: str, now: datetime) -> ColumnElement[bool]:
    """One delivery, if nobody is at it: it ended, or waits for its time or its next try."""
    waits = and_(
        deliveries.c.state == State.PENDING,
        deliveries.c.lease_id.is_(None),
        deliveries.c.due_at > now,
    )
    return and_(deliveries.c.id == delivery_id, or_(deliveries.c.state.not_in(OPEN), waits))


def replayable(*, only: str | None, since: datetime, until: datetime | None) -> ColumnElement[bool]:
    """Deliveries that ended from `since` up to `until`: failed (dead, unknown), missing (skipped).

    What waited when its endpoint was closed was missed then, however old it was. What was
    expunged is left out.
    """
    conditions = [
        _in_states(*_FAILED, *_MISSING),
        deliveries.c.ended_at >= since,
        deliveries.c.expunged_at.is_(None),
    ]
    if only is not None:
        conditions.append(_in_states(*(_FAILED if only == "failed" else _MISSING)))
    if until is not None:
        conditions.append(deliveries.c.ended_at < until)
    return and_(*conditions)


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


async def reopen(
    tx: Transaction,
    endpoint: EndpointRecord,
    condition: ColumnElement[bool],
    *,
    replay_id: str | None = None,
) -> int:
    """Return deliveries to an endpoint's queue, PART at most and in the order they ended.

    They start the schedule anew and live as long as a new delivery would. Returns how many.
    """
    await lock_lanes(tx, [endpoint.id])
    now = await tx.now()
    query = (
        select(deliveries.c.id)
        .where(deliveries.c.endpoint_id == endpoint.id, condition)
        .order_by(deliveries.c.ended_at)
        .limit(PART)
    )
    ids = list((await tx.connection.execute(query)).scalars())
    if not ids:
        return 0
    values: dict[str, object] = {
        "state": State.PENDING,
        "reason": None,
        "deferred_reason": None,
        "trigger": Trigger.MANUAL,
        "due_at": now,
        "expires_at": now + timedelta(seconds=endpoint.time_to_live_seconds),
        "position": 0,
        "interruptions": 0,
        "ended_at": None,
    }
    if replay_id is not None:
        values["replay_id"] = replay_id
    await tx.connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(values))
    await owe_corrections(tx, endpoint, ids)
    await make_due(tx, [endpoint.id], now)
    return len(ids)


async def insert_replay(tx: Transaction, record: ReplayRecord) -> None:
    """Write a new replay down."""
    names = ReplayRecord.__dataclass_fields__
    await tx.connection.execute(
        insert(replays).values({name: getattr(record, name) for name in names})
    )


async def bring_back(
    tx: Transaction, record: ReplayRecord, endpoint: EndpointRecord
) -> ReplayRecord:
    """Return the next part of a replay to its endpoint's queue; the replay as it is then.

    The lane is locked. What ended after it was asked for is none of it, so it comes to an end
    however often the same fails again.
    """
    condition = replayable(only=record.only, since=record.since, until=record.until)
    count = await reopen(tx, endpoint, condition, replay_id=record.id)
    is_done = count < PART or record.brought + count >= record.total
    state = ReplayState.DONE if is_done else ReplayState.RUNNING
    return await _kept(tx, replace(record, brought=record.brought + count), state)


async def stop(tx: Transaction, record: ReplayRecord) -> None:
    """Bring no more of it back."""
    await _kept(tx, record, ReplayState.STOPPED)


async def find_replay(tx: Transaction, replay_id: str) -> ReplayRecord | None:
    """A replay by id."""
    row = (await tx.connection.execute(select(replays).where(replays.c.id == replay_id))).first()
    return None if row is None else record_of(row, ReplayRecord)


async def list_replays(
    tx: Transaction, endpoint_id: str, *, before: str | None, limit: int
) -> list[ReplayRecord]:
    """Replays of an endpoint newest first, those with an id below `before`."""
    query = (
        select(replays)
        .where(replays.c.endpoint_id == endpoint_id)
        .order_by(replays.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(replays.c.id < before)
    return [record_of(row, ReplayRecord) for row in await tx.connection.execute(query)]


async def hungry_replays(tx: Transaction) -> list[ReplayRecord]:
    """Replays that are running and of which little waits in a lane; the oldest 100 first."""
    waiting = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.replay_id == replays.c.id, _in_states(*OPEN))
        .correlate(replays)
        .scalar_subquery()
    )
    query = (
        select(replays)
        .where(replays.c.state == literal_column(f"'{ReplayState.RUNNING}'"), waiting <= PART // 2)
        .order_by(replays.c.id)
        .limit(100)
    )
    return [record_of(row, ReplayRecord) for row in await tx.connection.execute(query)]


async def read_progress(tx: Transaction, records: Sequence[ReplayRecord]) -> list[Progress]:
    """How far replays have come, in the order given."""
    query = (
        select(deliveries.c.replay_id, deliveries.c.state, func.count())
        .where(deliveries.c.replay_id.in_([record.id for record in records]))
        .group_by(deliveries.c.replay_id, deliveries.c.state)
    )
    counts = {(row[0], row[1]): row[2] for row in await tx.connection.execute(query)}

    def count(record: ReplayRecord, *states: State) -> int:
        return sum(counts.get((record.id, state.value), 0) for state in states)

    return [
        Progress(
            replay=record,
            waiting=count(record, *OPEN),
            delivered=count(record, State.DELIVERED),
            failed=count(record, *_FAILED),
            skipped=count(record, *_MISSING),
        )
        for record in records
    ]


def _in_states(*states: State) -> ColumnElement[bool]:
    """Written out, not bound: a partial index is used only where a query says the same words."""
    return deliveries.c.state.in_([literal_column(f"'{state.value}'") for state in states])


async def _kept(tx: Transaction, record: ReplayRecord, state: ReplayState) -> ReplayRecord:
    now = None if state is ReplayState.RUNNING else await tx.now()
    kept = replace(record, state=state, ended_at=now)
    await tx.connection.execute(
        update(replays)
        .where(replays.c.id == record.id)
        .values(brought=kept.brought, state=kept.state, ended_at=kept.ended_at)
    )
    return kept
