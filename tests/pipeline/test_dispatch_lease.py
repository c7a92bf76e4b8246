"""Leases: a lane is one worker's at a time, and late answers change no more than they may."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from alerts.domain.deliveries import EndpointState, State
from alerts.store.endpoints import find_recipients
from alerts.store.tables import deliveries, lanes
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    lane_of,
    log_of,
    pass_time,
    subscribe,
    tries,
    until,
    upgrade_tokens,
)
from tests.pipeline.lost import (
    LEASE_OVER,
    NAMES,
    LeapingClock,
    OnceOnly,
    abandon,
    outcomes,
    over,
)
from tests.receiver import Receiver, Reply


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

    async def the_second_try_is_settled() -> bool:
        # Either of the two may have taken the lane.
        (delivery,) = await log_of(first)
        return (delivery.state, delivery.attempts) == (State.PENDING, 2)

    await until(the_second_try_is_settled)
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
    await subscribe(services, receiver.url("/kept"))
    lost = await subscribe(services, receiver.url("/lost"))
    await upgrade_tokens(services, NAMES)
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(8)
    async with services.store.write() as tx:
        taken = update(lanes).where(lanes.c.endpoint_id == lost.endpoint.id)
        await tx.connection.execute(taken.values(lease_id="lse_other"))

    async def what_was_not_sent_is_given_back() -> bool:
        log = await log_of(services, lost.endpoint.id)
        return Counter(one.state for one in log) == {State.SENDING: 4, State.PENDING: 6}

    await until(what_was_not_sent_is_given_back)
    gate.set()
    await running

    assert (await lane_of(services, lost.endpoint.id)).lease_id == "lse_other"
    states = [one.state for one in await log_of(services, lost.endpoint.id)]
    assert sorted(states) == [State.DELIVERED] * 4 + [State.PENDING] * 6
    await pass_time(services, LEASE_OVER)
    await dispatch(services)
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


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


class CountingSender(OnceOnly):
    """Knows how many sends were about to begin: each asks first whether it may be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    @property
    def repeatable(self) -> bool:
        self.asked += 1
        return False


async def test_what_was_begun_too_slowly_is_not_sent_and_costs_no_attempt(
    open_with: OpenServices, receiver: Receiver
) -> None:
    clock, sender = LeapingClock(), CountingSender()
    services, other = over(await open_with(clock=clock), sender), await open_with()
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, NAMES[:6])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))

    async def four_are_on_the_wire() -> bool:
        return len(sender.sent) == 4

    async def two_more_are_about_to_begin() -> bool:
        return sender.asked == 6

    await until(four_are_on_the_wire)
    async with other.store.write() as tx:
        rows = select(deliveries.c.id).where(deliveries.c.endpoint_id == made.endpoint.id)
        await tx.connection.execute(rows.with_for_update())
        sender.gate.set()
        await until(two_more_are_about_to_begin)
        clock.leapt = 31.0
        stop.set()
    await running

    assert len(sender.sent) == 4
    log = await log_of(services)
    assert [one.state for one in log] == [State.DELIVERED] * 4 + [State.PENDING] * 2
    assert [one.attempts for one in log] == [1] * 4 + [0] * 2
    assert (await lane_of(services, made.endpoint.id)).lease_id is None


async def test_a_410_that_comes_after_the_lane_went_to_another_closes_nothing(
    open_with: OpenServices, receiver: Receiver
) -> None:
    first, second = await open_with(), await open_with()
    gate = asyncio.Event()
    receiver.script("/", Reply(410, held=gate), Reply(204))
    made = await subscribe(first, receiver.url("/"))
    await upgrade_tokens(first, ["a"])
    slow = asyncio.create_task(dispatch(first))
    await receiver.wait_for(1)
    await pass_time(first, LEASE_OVER)
    await dispatch(second)

    gate.set()
    await slow

    async with first.store.read() as tx:
        endpoint = (await find_recipients(tx, [made.endpoint.id]))[made.endpoint.id]
    assert endpoint.state is EndpointState.ACTIVE
    (delivery,) = await log_of(first)
    assert delivery.state is State.DELIVERED
    assert len(await tries(first, delivery)) == 3
