"""Budgets: how many requests a source may still be asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from alerts.domain.grades import SourceName
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import budgets


class Period(StrEnum):
    """What a budget is counted by; each begins with the first request after the last ended."""

    MINUTE = "minute"
    MONTH = "month"


async def spend(
    tx: Transaction, source: SourceName, limits: Sequence[tuple[Period, timedelta, int]]
) -> datetime | None:
    """Take one request out of every budget, or none: then the time at which there is one again.

    limits: (period, its length, requests). A restart does not fill a budget up.
    """
    now = await tx.now()
    query = select(budgets.c.period, budgets.c.starts_at, budgets.c.spent).where(
        budgets.c.source == source
    )
    query = query.with_for_update()
    rows = {row.period: row for row in await tx.connection.execute(query)}
    waits = []
    for period, length, limit in limits:
        row = rows.get(period)
        if row is not None and now < row.starts_at + length and row.spent >= limit:
            waits.append(row.starts_at + length)
    if waits:
        latest: datetime = max(waits)
        return latest
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
