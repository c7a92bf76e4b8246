"""Budgets: how many requests a source may still be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select

from alerts.domain.grades import SourceName
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import budgets


class Period(StrEnum):
    """What a budget is counted by; each begins with the first request after the last ended."""

    MINUTE = "minute"
    MONTH = "month"


# A period of nothing: until it starts, the source asked to be left alone.
_PAUSE: Final = "pause"


@dataclass(frozen=True, slots=True)
class Wait:
    """When there is a request again. is_asked: it is the source that said so."""

    until: datetime
    is_asked: bool


async def spend(
    tx: Transaction, source: SourceName, limits: Sequence[tuple[Period, timedelta, int]]
) -> Wait | None:
    """Take one request out of every budget, or none: then when there is one again.

    limits: (period, its length, requests). A restart does not fill a budget up.
    """
    now = await tx.now()
    query = select(budgets.c.period, budgets.c.starts_at, budgets.c.spent).where(
        budgets.c.source == source
    )
    query = query.with_for_update()
    rows = {row.period: row for row in await tx.connection.execute(query)}
    paused = rows.get(_PAUSE)
    waits = (
        [] if paused is None or paused.starts_at <= now else [Wait(paused.starts_at, is_asked=True)]
    )
    for period, length, limit in limits:
        row = rows.get(period)
        if row is not None and now < row.starts_at + length and row.spent >= limit:
            waits.append(Wait(row.starts_at + length, is_asked=False))
    if waits:
        return max(waits, key=lambda wait: wait.until)
    for period, length, _ in limits:
        row = rows.get(period)
        is_over = row is None or now >= row.starts_at + length
        statement = insert_into(tx, budgets).values(
            source=source, period=period, starts_at=now, spent=1
        )
        values = {"starts_at": now, "spent": 1} if is_over else {"spent": budgets.c.spent + 1}
        await tx.connection.execute(
            statement.on_conflict_do_update(index_elements=["source", "period"], set_=values)
        )
    return None


async def pause(tx: Transaction, source: SourceName, until: datetime) -> None:
    """Make no request of a source before then; a longer pause that it is in stays."""
    statement = insert_into(tx, budgets).values(
        source=source, period=_PAUSE, starts_at=until, spent=0
    )
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "period"],
            set_={"starts_at": statement.excluded.starts_at},
            where=budgets.c.starts_at < statement.excluded.starts_at,
        )
    )


async def go_on(tx: Transaction, source: SourceName) -> None:
    """End a pause before its time."""
    await tx.connection.execute(
        delete(budgets).where(budgets.c.source == source, budgets.c.period == _PAUSE)
    )


async def spent(
    tx: Transaction, source: SourceName, limits: Sequence[tuple[Period, timedelta, int]]
) -> dict[Period, int]:
    """Requests taken out of each budget in its present period."""
    now = await tx.now()
    query = select(budgets).where(budgets.c.source == source)
    rows = {row.period: row for row in await tx.connection.execute(query)}
    return {
        period: rows[period].spent
        if period in rows and now < rows[period].starts_at + length
        else 0
        for period, length, _ in limits
    }
