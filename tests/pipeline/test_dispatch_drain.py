"""A worker that stops, or whose database does, tears nothing and loses no answer."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select, text

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Deferred, Delivered, Reason, State
from alerts.pipeline.endpoints import pause
from alerts.ports import Destination, Letter
from alerts.store.health import lock_held
from alerts.store.tables import deliveries
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
from tests.receiver import Receiver, Reply

NAMES = [f"t{number}" for number in range(20)]


class Prompted:
    """A repeatable channel that answers when it is told to, in the order of sends."""

    def __init__(self) -> None:
        self.open: list[asyncio.Future[Answer]] = []

    @property
    def repeatable(self) -> bool:
        return True

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del destination, parcel
        self.open.append(asyncio.get_running_loop().create_future())
        return await self.open[-1]


async def assert_nothing_is_held(services: Services) -> None:
    query = select(deliveries.c.state, deliveries.c.lease_id)
    async with services.store.read() as tx:
        rows = (await tx.connection.execute(query)).all()
    assert State.SENDING not in {row.state for row in rows}
    assert {row.lease_id for row in rows} == {None}


async def assert_attempts_are_counted_right(services: Services, receiver: Receiver) -> None:
    sent = Counter(request.headers["gradebell-delivery"] for request in receiver.requests)
    for delivery in await log_of(services):
        assert delivery.attempts == len(await tries(services, delivery)) == sent[delivery.id]


@pytest.mark.parametrize("after", [0, 1, 5, 17])
async def test_a_worker_that_stops_in_a_burst_gives_everything_back(
    services: Services, receiver: Receiver, after: int
) -> None:
    made = [await subscribe(services, receiver.url(f"/{number}")) for number in range(3)]
    await upgrade_tokens(services, NAMES)
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(after)

    stop.set()
    await running

    await assert_nothing_is_held(services)
    await assert_attempts_are_counted_right(services, receiver)
    for one in made:
        assert (await lane_of(services, one.endpoint.id)).lease_id is None
    await dispatch(services)
    assert len(receiver.requests) == 60
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_what_is_on_the_wire_is_waited_for(services: Services, receiver: Receiver) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(4)

    stop.set()
    gate.set()
    await running

    await assert_nothing_is_held(services)
    await assert_attempts_are_counted_right(services, receiver)
    sent = len(receiver.requests)
    states = Counter(one.state for one in await log_of(services))
    assert 4 <= sent <= 12
    assert states == {State.DELIVERED: sent, State.PENDING: 20 - sent}


async def test_a_send_that_does_not_end_is_left_to_the_lease(
    services: Services, receiver: Receiver
) -> None:
    sender = Prompted()
    services = replace(
        services,
        senders={Channel.WEBHOOK: sender},
        settings=services.settings.model_copy(update={"send_deadline_seconds": 0.01}),
    )
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, NAMES[:6])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))

    async def four_are_on_the_wire() -> bool:
        return len(sender.open) == 4

    await until(four_are_on_the_wire)
    stop.set()
    await running

    log = await log_of(services)
    assert Counter(one.state for one in log) == {State.SENDING: 4, State.PENDING: 2}
    assert [one.attempts for one in log] == [1] * 4 + [0] * 2
    assert (await lane_of(services, made.endpoint.id)).lease_id is not None
    await pass_time(services, timedelta(seconds=46))
    finishing = asyncio.create_task(dispatch(services))

    async def all_are_delivered() -> bool:
        for future in sender.open:
            if not future.done():
                future.set_result(Answer(Delivered()))
        return {one.state for one in await log_of(services)} == {State.DELIVERED}

    await until(all_are_delivered)
    await finishing


async def test_an_answer_that_comes_while_another_is_settled_is_settled_too(
    open_with: OpenServices, receiver: Receiver
) -> None:
    sender = Prompted()
    services = replace(await open_with(), senders={Channel.WEBHOOK: sender})
    other = await open_with()
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a", "b"])
    running = asyncio.create_task(dispatch(services))

    async def both_are_on_the_wire() -> bool:
        return len(sender.open) == 2

    await until(both_are_on_the_wire)
    answers = (Answer(Delivered()), Answer(Deferred(Reason.SERVER_ERROR)))
    async with other.store.write() as tx:
        await lock_held(tx, [made.endpoint.id])
        for future, answer in zip(sender.open, answers, strict=True):
            future.set_result(answer)
            # The first is about to be settled, and waits for our lock; then comes the second.
            for _ in range(50):
                await asyncio.sleep(0)
    await running

    await assert_nothing_is_held(services)
    states = [(one.state, one.attempts) for one in await log_of(services)]
    assert states == [(State.DELIVERED, 1), (State.PENDING, 1)]


async def test_stopping_in_the_middle_of_settling_loses_no_answer(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services, other = await open_with(), await open_with()
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, NAMES)
    stop = asyncio.Event()
    async with other.store.write() as tx:
        running = asyncio.create_task(services.dispatcher().run(stop))
        await lock_held(tx, [])
    await receiver.wait_for(1)
    async with other.store.write() as tx:
        await lock_held(tx, [made.endpoint.id])
        await receiver.wait_for(2)
        stop.set()
        for _ in range(50):
            await asyncio.sleep(0)
    await running

    await assert_nothing_is_held(services)
    await assert_attempts_are_counted_right(services, receiver)


async def test_a_database_that_fails_while_settling_costs_no_answer(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(4)
    await _rename(services, "attempts", "attempts_away")

    with structlog.testing.capture_logs() as lines:
        gate.set()

        async def settling_failed() -> bool:
            return any(line.get("job") == "settle" for line in lines)

        await until(settling_failed)
    await _rename(services, "attempts_away", "attempts")
    await running

    await assert_nothing_is_held(services)
    await assert_attempts_are_counted_right(services, receiver)
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def _rename(services: Services, old: str, new: str) -> None:
    async with services.store.write() as tx:
        await tx.connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


async def test_an_endpoint_paused_during_its_turn_is_sent_no_more(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(4)

    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    gate.set()
    await running

    await assert_attempts_are_counted_right(services, receiver)
    states = Counter((one.state, one.reason) for one in await log_of(services))
    assert len(receiver.requests) <= 8
    assert states[State.SKIPPED, "paused"] == 20 - len(receiver.requests)
