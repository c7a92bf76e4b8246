"""Durable counters, the same from every process."""

from sqlalchemy import select

from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import counters


async def add_to_counter(tx: Transaction, name: str, amount: int) -> None:
    """Count."""
    now = await tx.now()
    statement = insert_into(tx, counters).values(name=name, value=amount, recorded_at=now)
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"value": counters.c.value + amount, "recorded_at": now},
        )
    )


async def read_counter(tx: Transaction, name: str) -> int:
    """What was counted so far, 0 if nothing was."""
    query = select(counters.c.value).where(counters.c.name == name)
    return (await tx.connection.execute(query)).scalar_one_or_none() or 0
