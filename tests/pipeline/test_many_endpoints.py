"""More endpoints than one statement takes: 32,767 parameters on PostgreSQL."""

from alerts.bootstrap import Services
from alerts.store.endpoints import find_recipients
from alerts.store.fan_out import lock_lanes, make_due
from alerts.store.removal import clear_removed, remove_endpoints
from tests.pipeline.conftest import lane_of, subscribe
from tests.receiver import Receiver

MANY = 40_000


async def test_forty_thousand_are_locked_made_due_and_found(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    # Nobody's, but one: the last of all.
    ids = [f"ep_{number:026}" for number in range(MANY)] + [made.endpoint.id]
    before = await lane_of(services, made.endpoint.id)

    async with services.store.write() as tx:
        await lock_lanes(tx, ids)
        await make_due(tx, ids, await tx.now())
        found = await find_recipients(tx, ids)

    assert before.due_at is None
    assert list(found) == [made.endpoint.id]
    assert (await lane_of(services, made.endpoint.id)).due_at is not None


async def test_forty_thousand_are_removed_together(services: Services, receiver: Receiver) -> None:
    made = await subscribe(services, receiver.url())
    ids = [f"ep_{number:026}" for number in range(MANY)] + [made.endpoint.id]

    async with services.store.write() as tx:
        await remove_endpoints(tx, ids)
        found = await find_recipients(tx, ids)
        marked = [await clear_removed(tx, 1, endpoint_id=one) for one in (ids[0], ids[-2], ids[-1])]

    assert found == {}
    assert marked == [True] * 3
