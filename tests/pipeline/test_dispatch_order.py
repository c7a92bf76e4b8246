"""Lanes: what goes first, what waits, and who waits for nobody."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order, State
from alerts.store.deliveries import DeliveryRecord
from alerts.store.lanes import lease_lanes, next_due, release_lanes
from alerts.store.tables import lanes
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    lane_of,
    log_of,
    pass_time,
    push,
    repairs,
    subscribe,
    token,
    tries,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

NAMES = [f"t{number}" for number in range(120)]


async def swing(services: Services, name: str, times: int) -> None:
    """One event after the other about the same token, fanned out."""
    for number in range(times + 1):
        await push(services, day(number), {name: 95.0 if number % 2 else 5.0})
    await fan_out(services)


async def starts(services: Services, log: Sequence[DeliveryRecord]) -> list[tuple[str, int]]:
    """(delivery, number) of each attempt in the order in which they were started."""
    attempts = [attempt for one in log for attempt in await tries(services, one)]
    attempts.sort(key=lambda attempt: attempt.started_at)
    return [(attempt.delivery_id, attempt.number) for attempt in attempts]


async def test_under_strict_a_newer_one_waits_until_the_older_has_ended(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply(500), Reply())
    made = await subscribe(services, receiver.url("/"), order=Order.STRICT)
    await swing(services, "a", 2)
    await dispatch(services)
    older, newer = await log_of(services)
    assert (older.attempts, newer.attempts) == (1, 0)
    assert (await lane_of(services, made.endpoint.id)).due_at == older.due_at
    assert await repairs(services) == 0

    await pass_time(services, timedelta(seconds=6))
    await dispatch(services)
    assert [one.attempts for one in await log_of(services)] == [2, 0]
    await pass_time(services, timedelta(minutes=6))
    await dispatch(services)

    log = await log_of(services)
    assert [(one.state, one.attempts) for one in log] == [
        (State.DELIVERED, 3),
        (State.DELIVERED, 1),
    ]


async def test_under_strict_another_token_waits_for_nobody(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"), order=Order.STRICT)
    await upgrade_tokens(services, ["a", "b"])

    await dispatch(services)

    assert [one.state for one in await log_of(services)] == [State.PENDING, State.DELIVERED]


async def test_under_strict_one_is_in_flight_at_a_time(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate), Reply())
    await subscribe(services, receiver.url("/"), order=Order.STRICT)
    await upgrade_tokens(services, ["a", "b", "c"])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(1)

    async def one_is_on_the_wire() -> bool:
        return [one.state for one in await log_of(services)].count(State.SENDING) == 1

    await until(one_is_on_the_wire)
    assert len(receiver.requests) == 1
    gate.set()
    await running

    assert [one.state for one in await log_of(services)] == [State.DELIVERED] * 3


async def test_without_order_a_newer_one_does_not_wait(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await swing(services, "a", 3)

    await dispatch(services)

    states = [one.state for one in await log_of(services)]
    assert sorted(states) == [State.DELIVERED, State.DELIVERED, State.PENDING]


async def test_first_attempts_of_a_token_start_in_the_order_of_events(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await swing(services, "a", 16)

    await dispatch(services)

    log = await log_of(services)
    assert await starts(services, log) == [(one.id, 1) for one in log]


async def test_first_attempts_go_before_retries(services: Services, receiver: Receiver) -> None:
    receiver.script("/", Reply(500))
    await subscribe(services, receiver.url("/"), order=Order.STRICT)
    await upgrade_tokens(services, ["a", "b"])
    await dispatch(services)
    receiver.script("/", Reply())
    await push(services, day(2), {"c": 50}, complete=False)
    await push(services, day(3), {"c": 95}, complete=False)
    await fan_out(services)
    await pass_time(services, timedelta(seconds=6))

    await dispatch(services)

    log = await log_of(services)
    assert [one.token for one in log] == [token("a"), token("b"), token("c")]
    order = await starts(services, log)
    assert order[2] == (log[2].id, 1)
    assert sorted(order[3:]) == sorted([(log[0].id, 2), (log[1].id, 2)])


async def test_at_most_four_are_in_flight_to_one_endpoint(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES[:20])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(4)

    for _ in range(20):
        await log_of(services)
    assert len(receiver.requests) == 4
    gate.set()
    await running

    assert len(receiver.requests) == 20


async def test_a_full_lane_keeps_nobody_else_from_a_first_attempt(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/full"))
    await subscribe(services, receiver.url("/quiet"), tokens=[token(NAMES[-1])])
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    paths = [request.path for request in receiver.requests]
    assert len(paths) == 121
    assert paths.index("/quiet") < 20


async def test_a_lane_whose_turn_is_over_goes_to_the_back(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/full"))
    await upgrade_tokens(services, NAMES[:3])
    await pass_time(services, timedelta(minutes=1))
    other = await subscribe(services, receiver.url("/other"))
    await push(services, day(2), {"x": 50}, complete=False)
    await push(services, day(3), {"x": 95}, complete=False)
    await fan_out(services)
    async with services.store.write() as tx:
        (lane,) = await lease_lanes(tx, "lse_1", limit=1, lease=timedelta(seconds=45))
    assert lane.endpoint_id == made.endpoint.id

    async with services.store.write() as tx:
        await release_lanes(tx, {lane.endpoint_id: "lse_1"})

    async with services.store.write() as tx:
        (lane,) = await lease_lanes(tx, "lse_2", limit=1, lease=timedelta(seconds=45))
        await release_lanes(tx, {lane.endpoint_id: "lse_2"})
    assert lane.endpoint_id == other.endpoint.id
    async with services.store.read() as tx:
        due = await next_due(tx)
        now = await tx.now()
    assert due is not None
    assert due.at <= now


async def test_a_hanging_endpoint_delays_nobody_else(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/hangs", Reply(held=gate))
    await subscribe(services, receiver.url("/hangs"))
    await subscribe(services, receiver.url("/swift"))
    await upgrade_tokens(services, NAMES[:10])
    running = asyncio.create_task(dispatch(services))

    async def others_are_told() -> bool:
        log = await log_of(services)
        return sum(one.state is State.DELIVERED for one in log) == 10

    await until(others_are_told)
    assert len(receiver.at("/hangs")) == 4
    gate.set()
    await running

    assert len(receiver.at("/hangs")) == 10


async def test_a_new_change_does_not_wait_for_a_send_that_hangs(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate), Reply(204))
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(1)

    await upgrade_tokens(services, ["b"], since=2)
    await receiver.wait_for(2)

    async def the_second_is_told() -> bool:
        log = await log_of(services)
        return [one.state for one in log] == [State.SENDING, State.DELIVERED]

    await until(the_second_is_told)
    gate.set()
    await running


async def test_a_lane_taken_by_another_takes_nothing_more(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(204, held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, [f"t{number}" for number in range(20)])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(4)
    async with services.store.write() as tx:
        now = await tx.now()
        taken = update(lanes).where(lanes.c.endpoint_id == made.endpoint.id)
        values = {"lease_id": "lse_other", "lease_until": now + timedelta(hours=1)}
        await tx.connection.execute(taken.values(values))

    gate.set()

    async def all_answers_are_settled() -> bool:
        return not any(one.state is State.SENDING for one in await log_of(services))

    await until(all_answers_are_settled)
    stop.set()
    await running

    states = Counter(one.state for one in await log_of(services))
    # The eight begun under the lease may have gone; none was begun after it had ended.
    assert set(states) == {State.DELIVERED, State.PENDING}
    assert states[State.DELIVERED] == len(receiver.requests) <= 8
