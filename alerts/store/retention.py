"""Forgetting: rows older than they are kept, a batch at a time, so that nobody waits."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_

from alerts.domain.ids import CYCLE, DELIVERY, SWEEP, make_id
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.cycles import CycleState
from alerts.store.engine import Transaction
from alerts.store.events import DROPPED
from alerts.store.queue import OPEN
from alerts.store.sweeps import SweepState
from alerts.store.tables import (
    attempts,
    cycles,
    deliveries,
    endpoint_secrets,
    events,
    grades,
    rejected_rows,
    replays,
    sweeps,
    watermarks,
)


async def drop_deliveries(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` ended deliveries made before a time, attempts and all; how many."""
    old = (
        select(deliveries.c.id)
        .where(
            deliveries.c.id < make_id(DELIVERY, before, bytes(10)),
            deliveries.c.state.not_in(OPEN),
        )
        .order_by(deliveries.c.id)
        .limit(batch)
    )
    ids = list((await tx.connection.execute(old)).scalars())
    if ids:
        # One that was reopened since stays, with its attempts.
        gone = await tx.connection.execute(
            delete(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state.not_in(OPEN))
            .returning(deliveries.c.id)
        )
        ids = list(gone.scalars())
        await tx.connection.execute(delete(attempts).where(attempts.c.delivery_id.in_(ids)))
    return len(ids)


async def drop_secrets(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` signing secrets that ended before a time; how many."""
    columns = endpoint_secrets.c
    old = select(columns.id).where(columns.expires_at < before).limit(batch)
    gone = await tx.connection.execute(delete(endpoint_secrets).where(columns.id.in_(old)))
    return gone.rowcount


async def drop_sweeps(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` sweeps begun before a time; how many.

    One under way stays, and of each source and kind the newest: the next one begins after it.
    """
    newer = sweeps.alias("newer")
    has_newer = (
        select(newer.c.id)
        .where(
            newer.c.source == sweeps.c.source,
            newer.c.kind == sweeps.c.kind,
            newer.c.as_of > sweeps.c.as_of,
        )
        .exists()
    )
    old = (
        select(sweeps.c.id)
        .where(
            sweeps.c.id < make_id(SWEEP, before, bytes(10)),
            sweeps.c.state != SweepState.FETCHING,
            has_newer,
        )
        .order_by(sweeps.c.id)
        .limit(batch)
    )
    gone = await tx.connection.execute(delete(sweeps).where(sweeps.c.id.in_(old)))
    return gone.rowcount


async def drop_rejected_rows(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` rows that cycles received before a time left out; how many.

    The cycles keep their number.
    """
    key = (rejected_rows.c.cycle_id, rejected_rows.c.row)
    old = (
        select(*key)
        .where(rejected_rows.c.cycle_id < make_id(CYCLE, before, bytes(10)))
        .order_by(*key)
        .limit(batch)
    )
    rows = [tuple(row) for row in await tx.connection.execute(old)]
    if rows:
        await tx.connection.execute(delete(rejected_rows).where(tuple_(*key).in_(rows)))
    return len(rows)


async def drop_cycles(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` cycles received before a time that are done or discarded; how many.

    One that waits for anything stays, the last one accepted of each source and kind, and one
    whose rejected rows are still there.
    """
    last = select(watermarks.c.cycle_id).where(watermarks.c.cycle_id.is_not(None))
    old = (
        select(cycles.c.id)
        .where(
            cycles.c.id < make_id(CYCLE, before, bytes(10)),
            cycles.c.state.in_((CycleState.DONE, CycleState.DISCARDED)),
            cycles.c.id.not_in(last),
            ~select(rejected_rows.c.row).where(rejected_rows.c.cycle_id == cycles.c.id).exists(),
        )
        .order_by(cycles.c.id)
        .limit(batch)
    )
    gone = await tx.connection.execute(delete(cycles).where(cycles.c.id.in_(old)))
    return gone.rowcount


async def drop_replays(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` replays that ended before a time; how many."""
    old = select(replays.c.id).where(replays.c.ended_at < before).limit(batch)
    gone = await tx.connection.execute(delete(replays).where(replays.c.id.in_(old)))
    return gone.rowcount


async def drop_events(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` events recorded before a time that no delivery speaks of; how many.

    From the oldest on: the feed has no holes above the oldest cursor it takes.
    """
    oldest = (
        select(events.c.id, events.c.recorded_at, events.c.sequence)
        .order_by(events.c.sequence)
        .limit(batch)
    )
    ids, numbers = [], {}
    for row in await tx.connection.execute(oldest):
        if row.recorded_at >= before:
            break
        ids.append(row.id)
        numbers[row.id] = row.sequence
    kept_for = select(deliveries.c.event_id).where(deliveries.c.event_id.in_(ids))
    spoken_of = set((await tx.connection.execute(kept_for)).scalars())
    going = []
    for event_id in ids:
        if event_id in spoken_of:
            break
        going.append(event_id)
    if going:
        await tx.connection.execute(delete(events).where(events.c.id.in_(going)))
        known = await read_counter(tx, DROPPED)
        await add_to_counter(tx, DROPPED, numbers[going[-1]] - known)
    return len(going)


async def drop_grades(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` history lines before a time; each token keeps its newest; how many."""
    newer = grades.alias("newer")
    has_newer = (
        select(newer.c.token)
        .where(
            newer.c.token == grades.c.token,
            newer.c.kind == grades.c.kind,
            newer.c.as_of > grades.c.as_of,
            newer.c.as_of <= before,
        )
        .exists()
    )
    key = (grades.c.token, grades.c.kind, grades.c.as_of, grades.c.revision)
    old = select(*key).where(grades.c.as_of < before, has_newer).limit(batch)
    rows = [tuple(row) for row in await tx.connection.execute(old)]
    if rows:
        await tx.connection.execute(delete(grades).where(tuple_(*key).in_(rows)))
    return len(rows)
