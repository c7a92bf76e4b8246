"""Forgetting: rows older than they are kept, a batch at a time, so that nobody waits."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_

from alerts.domain.ids import DELIVERY, make_id
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.engine import Transaction
from alerts.store.events import DROPPED
from alerts.store.queue import OPEN
from alerts.store.tables import attempts, deliveries, events, grades, replays


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
