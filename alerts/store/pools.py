"""Pools: lanes that share a platform's limits, and the one worker that may send them."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import or_, type_coerce, update

from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import pools


async def hold_pools(
    tx: Transaction, names: Collection[str], lease_id: str, *, lease: timedelta
) -> dict[str, timedelta]:
    """Take or keep pools that are nobody else's; for each, how long until its next slot."""
    now = await tx.now()
    rows = [{"name": name} for name in sorted(names)]
    await tx.connection.execute(insert_into(tx, pools).on_conflict_do_nothing(), rows)
    columns = pools.c
    held = await tx.connection.execute(
        update(pools)
        .where(
            columns.name.in_(names),
            or_(
                columns.lease_id.is_(None), columns.lease_id == lease_id, columns.lease_until <= now
            ),
        )
        .values(lease_id=lease_id, lease_until=now + lease)
        .returning(columns.name, type_coerce(columns.next_slot_at, columns.next_slot_at.type))
    )
    return {row[0]: timedelta(0) if row[1] is None else row[1] - now for row in held}


async def free_pools(tx: Transaction, lease_id: str, waits: Mapping[str, timedelta]) -> None:
    """Give pools back; whoever has one next starts nothing before its wait is over."""
    now = await tx.now()
    for name, wait in sorted(waits.items()):
        await tx.connection.execute(
            update(pools)
            .where(pools.c.name == name, pools.c.lease_id == lease_id)
            .values(lease_id=None, lease_until=None, next_slot_at=now + wait)
        )
