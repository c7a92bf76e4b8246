"""The reaper wakes a lane that would sleep past what is due in it, and no other."""

from sqlalchemy import update

from alerts.bootstrap import Services, open_services
from alerts.store.fan_out import make_due
from alerts.store.lost import lanes_asleep, repair_lanes
from alerts.store.tables import lanes
from tests.pipeline.conftest import lane_of, repairs, settings_for, subscribe, upgrade_tokens
from tests.receiver import Receiver


async def asleep(services: Services, receiver: Receiver) -> str:
    """Of three endpoints that have something due, the one whose lane does not know it."""
    made = [await subscribe(services, receiver.url(f"/{number}")) for number in range(3)]
    await upgrade_tokens(services, ["a"])
    forgotten = made[1].endpoint.id
    async with services.store.write() as tx:
        own = update(lanes).where(lanes.c.endpoint_id == forgotten)
        await tx.connection.execute(own.values(due_at=None))
    return forgotten


async def test_a_lane_that_was_forgotten_is_woken_and_counted(
    database_url: str, receiver: Receiver
) -> None:
    settings = settings_for(database_url, trusted_destinations=receiver.destination)
    # Not the services that every test has: those hold it for a bug.
    async with open_services(settings) as services:
        forgotten = await asleep(services, receiver)

        counted = [await repairs(services) for _ in range(2)]

        assert counted == [1, 1]
        assert (await lane_of(services, forgotten)).due_at is not None


async def test_a_lane_that_is_woken_meanwhile_is_not_counted(
    database_url: str, receiver: Receiver
) -> None:
    settings = settings_for(database_url, trusted_destinations=receiver.destination)
    async with open_services(settings) as services:
        forgotten = await asleep(services, receiver)
        async with services.store.read() as tx:
            found = await lanes_asleep(tx, 10)
        async with services.store.write() as tx:
            await make_due(tx, [forgotten], await tx.now())

        async with services.store.write() as tx:
            repaired = await repair_lanes(tx, found)

        assert (found, repaired) == ([forgotten], 0)
