"""Lost workers: what they left behind goes on, and what they still say is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Delivered, State
from alerts.pipeline.claim import ClaimedLane, claim
from alerts.pipeline.endpoints import remove
from alerts.ports import Destination, Letter
from alerts.store.deliveries import DeliveryRecord
from alerts.store.endpoints import find_endpoints
from alerts.store.outbox import start
from alerts.store.tables import attempts, endpoints, lanes
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    lane_of,
    log_of,
    pass_time,
    repairs,
    subscribe,
    tries,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

LEASE_OVER = timedelta(seconds=46)
NAMES = [f"t{number}" for number in range(10)]


class OnceOnly:
    """A channel whose receivers can't tell a repeat; each send waits for its turn to be let go."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.gate = asyncio.Event()

    @property
    def repeatable(self) -> bool:
        return False

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del destination
        self.sent += [letter.delivery_id for letter in parcel]
        await self.gate.wait()
        return Answer(Delivered("message-1"))


def over(services: Services, sender: OnceOnly) -> Services:
    """The same services, sending webhooks over a channel that can't tell repeats."""
    rules = replace(services.rules, repeatable=frozenset[Channel]())
    return replace(services, senders={Channel.WEBHOOK: sender}, rules=rules)


async def abandon(services: Services) -> list[ClaimedLane]:
    """A worker that claims, begins, and is never heard of again."""
    async with services.store.write() as tx:
        return await claim(tx, services.rules, limit=10)


async def outcomes(services: Services, delivery: DeliveryRecord) -> list[tuple[int, str]]:
    return [(attempt.number, attempt.outcome) for attempt in await tries(services, delivery)]


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


async def test_the_third_interruption_in_a_row_is_poison(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])

    for _ in range(3):
        await abandon(services)
        await pass_time(services, LEASE_OVER)
    await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.DEAD, "poison")
    assert await outcomes(services, delivery) == [(n, "interrupted") for n in (1, 2, 3)]
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
        await start(tx, [lane.parcels[0].waiting.id], lease_id=lane.lease_id)
    await pass_time(services, LEASE_OVER)

    assert await repairs(once) == 0

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.UNKNOWN, "interrupted")
    assert (await lane_of(services, made.endpoint.id)).due_at is None


async def test_a_late_success_is_a_success(open_with: OpenServices, receiver: Receiver) -> None:
    first, second = await open_with(), await open_with()
    gate = asyncio.Event()
    receiver.script("/", Reply(204, held=gate), Reply(500))
    await subscribe(first, receiver.url("/"))
    await upgrade_tokens(first, ["a"])
    slow = asyncio.create_task(dispatch(first))
    await receiver.wait_for(1)
    await pass_time(first, LEASE_OVER)
    await dispatch(second)
    (delivery,) = await log_of(first)
    assert (delivery.state, delivery.attempts) == (State.PENDING, 2)

    gate.set()
    await slow

    (delivery,) = await log_of(first)
    assert (delivery.state, delivery.reason) == (State.DELIVERED, None)
    assert sorted(await outcomes(first, delivery)) == [
        (1, "delivered"),
        (1, "interrupted"),
        (2, "deferred"),
    ]


@pytest.mark.parametrize("status", [429, 413])
async def test_a_late_failure_changes_nothing_and_is_logged(
    open_with: OpenServices, receiver: Receiver, status: int
) -> None:
    first, second = await open_with(), await open_with()
    gate = asyncio.Event()
    receiver.script("/", Reply(status, held=gate), Reply(204))
    made = await subscribe(first, receiver.url("/"))
    await upgrade_tokens(first, ["a"])
    slow = asyncio.create_task(dispatch(first))
    await receiver.wait_for(1)
    await pass_time(first, LEASE_OVER)
    await dispatch(second)

    gate.set()
    await slow

    (delivery,) = await log_of(first)
    assert delivery.state is State.DELIVERED
    assert len(await tries(first, delivery)) == 3
    row = await lane_of(first, made.endpoint.id)
    assert (row.due_at, row.lease_id, row.held_until) == (None, None, None)


async def test_a_lane_that_was_taken_from_us_is_noticed_and_forgotten(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(send_deadline_seconds=4, lease_seconds=8)
    services = replace(services, rules=replace(services.rules, lease=timedelta(seconds=5)))
    gate = asyncio.Event()
    receiver.script("*", Reply(held=gate))
    kept = await subscribe(services, receiver.url("/kept"))
    lost = await subscribe(services, receiver.url("/lost"))
    await upgrade_tokens(services, NAMES)
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(8)
    before = await lane_of(services, kept.endpoint.id)
    async with services.store.write() as tx:
        taken = update(lanes).where(lanes.c.endpoint_id == lost.endpoint.id)
        await tx.connection.execute(taken.values(lease_id="lse_other"))

    async def the_heart_has_beaten() -> bool:
        now = await lane_of(services, kept.endpoint.id)
        return bool(now.lease_until > before.lease_until)

    await until(the_heart_has_beaten)
    gate.set()
    await running

    assert (await lane_of(services, lost.endpoint.id)).lease_id == "lse_other"
    states = [one.state for one in await log_of(services, lost.endpoint.id)]
    assert sorted(states) == [State.DELIVERED] * 4 + [State.PENDING] * 6
    await pass_time(services, LEASE_OVER)
    await dispatch(services)
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_the_heartbeat_keeps_a_lane_for_as_long_as_its_turn_lasts(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(send_deadline_seconds=4, lease_seconds=8)
    services = replace(services, rules=replace(services.rules, lease=timedelta(seconds=5)))
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(1)
    before = await lane_of(services, made.endpoint.id)

    async def is_extended() -> bool:
        now = await lane_of(services, made.endpoint.id)
        return bool(now.lease_id == before.lease_id and now.lease_until > before.lease_until)

    await until(is_extended)
    gate.set()
    await running

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)


async def test_a_message_that_cannot_be_repeated_is_begun_only_while_the_lane_is_ours(
    open_with: OpenServices, receiver: Receiver
) -> None:
    sender = OnceOnly()
    first = over(await open_with(), sender)
    second = await open_with()
    await subscribe(first, receiver.url())
    await upgrade_tokens(first, NAMES[:6])
    slow = asyncio.create_task(dispatch(first))

    async def four_are_on_the_wire() -> bool:
        return len(sender.sent) == 4

    await until(four_are_on_the_wire)
    await pass_time(first, LEASE_OVER)
    await abandon(over(second, sender))
    sender.gate.set()
    await slow

    assert len(sender.sent) == 4
    log = await log_of(first)
    assert [one.state for one in log] == [State.DELIVERED] * 4 + [State.PENDING] * 2
    assert [one.attempts for one in log] == [1] * 4 + [0] * 2


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

    for _ in range(3):
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
        address = (await find_endpoints(tx, [sealed.endpoint.id]))[sealed.endpoint.id].address
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


async def test_nothing_is_sent_with_less_than_a_deadline_of_lease_left(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(send_deadline_seconds=5, lease_seconds=10)
    services = replace(services, rules=replace(services.rules, lease=timedelta(seconds=4)))
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))

    async def is_claimed() -> bool:
        return (await lane_of(services, made.endpoint.id)).lease_id is not None

    await until(is_claimed)
    for _ in range(10):
        await log_of(services)
    stop.set()
    await running

    assert receiver.requests == []
    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.PENDING, 0)
