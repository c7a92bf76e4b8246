"""Lost workers: what they left behind goes on, and what they still say is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select, update

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, State
from alerts.pipeline.endpoints import remove
from alerts.ports import Destination, Letter
from alerts.store.endpoints import find_recipients
from alerts.store.outbox import start
from alerts.store.tables import attempts, endpoints
from tests.pipeline.conftest import (
    dispatch,
    lane_of,
    log_of,
    pass_time,
    repairs,
    subscribe,
    tries,
    upgrade_tokens,
)
from tests.pipeline.lost import LEASE_OVER, NAMES, OnceOnly, abandon, outcomes, over
from tests.receiver import Receiver, Reply


async def test_a_delivery_cut_off_is_an_interrupted_attempt_and_goes_again(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    await abandon(services)
    await pass_time(services, LEASE_OVER)

    await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 2)
    assert await outcomes(services, delivery) == [(1, "interrupted"), (2, "delivered")]
    assert [one.position for one in await tries(services, delivery)] == [0, 0]


async def test_the_reaper_frees_what_nobody_claims(services: Services, receiver: Receiver) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, NAMES)
    (lane,) = await abandon(services)
    begun = len(lane.parcels)
    await pass_time(services, LEASE_OVER)

    assert await repairs(services) == 0

    log = await log_of(services)
    assert {one.state for one in log} == {State.PENDING}
    assert sum(one.attempts for one in log) == begun == 8
    row = await lane_of(services, made.endpoint.id)
    assert row.lease_id is None
    assert row.due_at is not None


async def test_a_lease_that_stands_is_nobody_elses(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    await abandon(services)
    await pass_time(services, timedelta(seconds=40))

    await dispatch(services)
    assert await repairs(services) == 0

    assert receiver.requests == []


async def test_the_third_interruption_alone_is_poison(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])

    for _ in range(4):
        await abandon(services)
        await pass_time(services, LEASE_OVER)
    await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.DEAD, "poison")
    assert await outcomes(services, delivery) == [(n, "interrupted") for n in (1, 2, 3, 4)]
    assert receiver.requests == []


async def test_an_answer_in_between_starts_the_count_of_interruptions_anew(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])

    for _ in range(2):
        for _ in range(2):
            await abandon(services)
            await pass_time(services, LEASE_OVER)
        await dispatch(services)
        await pass_time(services, LEASE_OVER)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 6)


async def test_what_was_reserved_and_not_begun_is_free_of_charge(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    await abandon(over(services, OnceOnly()))
    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.PENDING, 0)
    await pass_time(services, LEASE_OVER)

    await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)


async def test_what_cannot_be_repeated_waits_for_a_person(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    once = over(services, OnceOnly())
    (lane,) = await abandon(once)
    async with services.store.write() as tx:
        await start(tx, lane.parcels[0].ids, lease_id=lane.lease_id)
    await pass_time(services, LEASE_OVER)

    assert await repairs(once) == 0

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.UNKNOWN, "interrupted")
    assert (await lane_of(services, made.endpoint.id)).due_at is None


async def test_an_endpoint_deleted_while_it_is_told_leaves_nothing_behind(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(1)

    await remove(made.endpoint.id, app_id=None, desk=services.desk)
    gate.set()
    await running

    async with services.store.read() as tx:
        left = await tx.connection.execute(select(func.count()).select_from(attempts))
    assert left.scalar_one() == 0
    assert await log_of(services) == []


class Broken:
    """A channel with a bug: it raises where it should answer."""

    @property
    def repeatable(self) -> bool:
        return True

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        raise RuntimeError(destination.endpoint_id, len(parcel))


async def test_a_channel_that_breaks_ends_its_deliveries_as_poison(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    broken = replace(services, senders={Channel.WEBHOOK: Broken()})

    for _ in range(4):
        await dispatch(broken)
        await pass_time(services, LEASE_OVER)
    await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.DEAD, "poison")
    assert receiver.requests == []


async def test_an_endpoint_that_cannot_be_read_waits_and_keeps_nobody_else(
    services: Services, receiver: Receiver
) -> None:
    sealed = await subscribe(services, receiver.url("/sealed"))
    await subscribe(services, receiver.url("/other"))
    async with services.store.read() as tx:
        address = (await find_recipients(tx, [sealed.endpoint.id]))[sealed.endpoint.id].address
    await _give_address(services, sealed.endpoint.id, b"made with a key we do not have")
    await upgrade_tokens(services, ["a"])

    await dispatch(services)

    assert [request.path for request in receiver.requests] == ["/other"]
    (delivery,) = await log_of(services, sealed.endpoint.id)
    assert (delivery.state, delivery.attempts) == (State.PENDING, 0)
    await _give_address(services, sealed.endpoint.id, address)
    await pass_time(services, timedelta(minutes=6))
    await dispatch(services)
    (delivery,) = await log_of(services, sealed.endpoint.id)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)


async def _give_address(services: Services, endpoint_id: str, address: bytes) -> None:
    async with services.store.write() as tx:
        changed = update(endpoints).where(endpoints.c.id == endpoint_id).values(address=address)
        await tx.connection.execute(changed)
