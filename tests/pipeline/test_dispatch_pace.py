"""Rate limits: never more in any second than the endpoint asked for, and no slower than that."""

import asyncio
import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.pipeline.endpoints import change_endpoint
from alerts.pipeline.pace import Pace
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    lane_of,
    log_of,
    subscribe,
    tries,
    until,
    upgrade_tokens,
)
from tests.pipeline.lost import LeapingClock
from tests.receiver import Receiver, Reply

RATE = 50


async def gaps(services: Services) -> list[timedelta]:
    """Between the starts of all attempts, in order."""
    began = sorted(
        [one.started_at for each in await log_of(services) for one in await tries(services, each)]
    )
    return [later - earlier for earlier, later in pairwise(began)]


def test_starts_are_a_gap_apart_and_nothing_is_saved_up() -> None:
    pace = Pace.of(10, since=100.0)
    assert pace.wait(100.0) == 0

    pace.reserve()
    assert pace.wait(100.0) == math.inf
    pace.started(100.4)

    assert pace.wait(100.4) == pytest.approx(0.1, abs=1e-3)
    assert pace.wait(100.45) == pytest.approx(0.05, abs=1e-3)
    # Silence for a minute earns no burst.
    assert pace.wait(160.0) == 0
    pace.reserve()
    pace.started(160.0)
    assert pace.wait(160.0) >= 0.1


async def test_a_lane_with_a_rate_limit_is_held_while_it_sends(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url(), rate_limit=RATE)
    await upgrade_tokens(services, [f"t{number}" for number in range(40)])
    stop = asyncio.Event()
    leases = set()

    running = asyncio.create_task(services.dispatcher().run(stop))

    async def all_are_told() -> bool:
        leases.add((await lane_of(services, made.endpoint.id)).lease_id)
        return {one.state for one in await log_of(services)} == {State.DELIVERED}

    await until(all_are_told)
    stop.set()
    await running

    assert min(await gaps(services)) >= timedelta(seconds=1 / RATE)
    # One claim for all forty, not one for each.
    assert len(leases - {None}) <= 2
    assert {one.attempts for one in await log_of(services)} == {1}


async def test_two_workers_keep_one_pace(open_with: OpenServices, receiver: Receiver) -> None:
    first, second = await open_with(), await open_with()
    receiver.script("/", *[Reply(500)] * 4, Reply(204))
    await subscribe(first, receiver.url("/"), rate_limit=RATE)
    await upgrade_tokens(first, [f"t{number}" for number in range(15)])
    stop = asyncio.Event()

    running = [asyncio.create_task(each.dispatcher().run(stop)) for each in (first, second, first)]
    await receiver.wait_for(15)
    stop.set()
    await asyncio.gather(*running)

    assert min(await gaps(first)) >= timedelta(seconds=1 / RATE)


async def test_a_slow_lane_is_given_back_between_its_sends(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url(), rate_limit=0.01)
    await upgrade_tokens(services, ["a", "b"])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(1)

    async def is_given_back() -> bool:
        return (await lane_of(services, made.endpoint.id)).lease_id is None

    await until(is_given_back)
    stop.set()
    await running

    lane = await lane_of(services, made.endpoint.id)
    async with services.store.read() as tx:
        now = await tx.now()
    assert timedelta(seconds=50) < lane.wakes_at - now <= timedelta(seconds=101)
    assert [one.attempts for one in await log_of(services)] == [1, 0]


async def test_a_settlement_that_takes_long_brings_the_next_slot_no_nearer(
    open_with: OpenServices, receiver: Receiver
) -> None:
    clock = LeapingClock()
    services = await open_with(clock=clock)

    def jitter() -> float:
        """Asked for in the midst of the transaction."""
        clock.leapt = 5.0
        return 0.0

    slow = replace(services, terms=replace(services.terms, jitter=jitter))
    made = await subscribe(slow, receiver.url(), rate_limit=0.1)
    await upgrade_tokens(slow, ["a"])

    await dispatch(slow)

    (delivery,) = await log_of(slow)
    (attempt,) = await tries(slow, delivery)
    lane = await lane_of(slow, made.endpoint.id)
    assert clock.leapt
    assert lane.next_slot_at - attempt.started_at >= timedelta(seconds=10)


@pytest.mark.parametrize(("rate", "wait"), [(50.0, timedelta(seconds=1 / 50)), (None, None)])
async def test_a_rate_that_is_raised_counts_from_now_on(
    services: Services, receiver: Receiver, rate: float | None, wait: timedelta | None
) -> None:
    made = await subscribe(services, receiver.url(), rate_limit=0.001)
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    before = await lane_of(services, made.endpoint.id)

    await change_endpoint(
        made.endpoint.id,
        lambda endpoint: replace(endpoint, rate_limit=rate),
        app_id=None,
        desk=services.desk,
    )

    async with services.store.read() as tx:
        now = await tx.now()
    lane = await lane_of(services, made.endpoint.id)
    assert before.next_slot_at - now > timedelta(minutes=10)
    if wait is None:
        assert lane.next_slot_at is None
    else:
        assert lane.next_slot_at <= now + wait
