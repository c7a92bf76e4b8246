"""Gauges: how much waits, and how long it has waited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal_column, select

from alerts.store.engine import Transaction
from alerts.store.queue import is_fresh, is_later
from alerts.store.tables import cycles, deliveries, lanes


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. oldest_due_at: of the lane that is due first, None if none is.

    deliveries: pending. cycles_open: received, not fanned out yet. cycles_held: for a person.
    """

    deliveries: int
    oldest_due_at: datetime | None
    cycles_open: int
    cycles_held: int


async def read_backlog(tx: Transaction) -> Backlog:
    """What waits now; answered from partial indexes, so that asking costs little."""
    waiting = [
        select(func.count()).select_from(deliveries).where(*line(deliveries))
        for line in (is_fresh, is_later)
    ]
    due = select(func.min(lanes.c.due_at, type_=lanes.c.due_at.type)).where(
        lanes.c.due_at.is_not(None)
    )
    # Written out, not bound: SQLite takes a partial index only where it reads the same words.
    is_open: list[ColumnElement[str]] = [
        literal_column(f"'{word}'") for word in ("received", "sealed", "diffed", "held")
    ]
    by_state = (
        select(cycles.c.state, func.count())
        .where(cycles.c.state.in_(is_open))
        .group_by(cycles.c.state)
    )
    counts = {row[0]: row[1] for row in await tx.connection.execute(by_state)}
    held = counts.pop("held", 0)
    return Backlog(
        deliveries=sum([(await tx.connection.execute(line)).scalar_one() for line in waiting]),
        oldest_due_at=(await tx.connection.execute(due)).scalar_one_or_none(),
        cycles_open=sum(counts.values()),
        cycles_held=held,
    )
