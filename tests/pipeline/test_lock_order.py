"""All transactions lock lanes in one order, so that none waits for another in a ring."""

import asyncio
from datetime import timedelta
from functools import partial

from sqlalchemy import text, update

from alerts.bootstrap import Services
from alerts.store.health import lock_held
from alerts.store.lanes import extend_leases
from alerts.store.tables import lanes
from tests.pipeline.conftest import OpenServices, subscribe, until
from tests.receiver import Receiver


async def test_the_heartbeat_locks_lanes_in_the_order_that_all_keep(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with()
    made = [(await subscribe(services, receiver.url(f"/{n}"))).endpoint.id for n in range(20)]
    first, last = min(made), max(made)
    async with services.store.write() as tx:
        # Written anew from the last to the first, so that they lie in that order.
        for endpoint_id in sorted(made, reverse=True):
            own = update(lanes).where(lanes.c.endpoint_id == endpoint_id)
            await tx.connection.execute(own.values(lease_id="lse_1"))

    async def beat() -> set[str]:
        async with services.store.write() as tx:
            return await extend_leases(tx, dict.fromkeys(made, "lse_1"), timedelta(seconds=45))

    async with services.store.write() as tx:
        await lock_held(tx, [first])
        beating = asyncio.create_task(beat())
        if tx.is_postgresql:
            await until(partial(somebody_waits, services))
        await lock_held(tx, [last])

    assert await beating == set(made)


async def somebody_waits(services: Services) -> bool:
    """Whether a transaction of this database waits for another's lock."""
    async with services.store.read() as tx:
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        return bool((await tx.connection.execute(query)).scalar_one())
