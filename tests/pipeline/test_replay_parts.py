"""A large replay returns a part at a time, behind what is new, and comes to an end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from alerts.bootstrap import Services
from alerts.domain.deliveries import State, Trigger
from alerts.domain.grades import Kind
from alerts.errors import Conflict
from alerts.pipeline.endpoints import enable, pause, remove
from alerts.pipeline.replay import Wanted, replay, work_off
from alerts.pipeline.turn import IN_FLIGHT
from alerts.store.replays import (
    PART,
    Progress,
    ReplayRecord,
    ReplayState,
    find_replay,
    list_replays,
    read_progress,
)
from alerts.store.retention import drop_replays
from tests.pipeline.conftest import (
    OpenServices,
    day,
    dispatch,
    fan_out,
    log_of,
    push,
    subscribe,
    token,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# A part and a bit.
MANY = PART + 7


async def missed(services: Services, receiver: Receiver, count: int = MANY) -> str:
    """An active endpoint that was paused when so much was told."""
    made = await subscribe(services, receiver.url("/"))
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade_tokens(services, [f"t{number}" for number in range(count)])
    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    return made.endpoint.id


async def again(services: Services, endpoint_id: str) -> ReplayRecord:
    wanted = Wanted(since=LONG_AGO)
    return await replay(
        endpoint_id, wanted, app_id=None, store=services.store, waker=services.waker
    )


async def go_on(services: Services) -> int:
    return await work_off(store=services.store, waker=services.waker)


async def progress_of(services: Services, record: ReplayRecord) -> Progress:
    async with services.store.read() as tx:
        found = await find_replay(tx, record.id)
        assert found is not None
        (progress,) = await read_progress(tx, [found])
    return progress


async def test_a_new_event_is_tried_before_two_thousand_that_are_sent_again(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    endpoint_id = await missed(services, receiver, 2000)
    receiver.script("/", Reply(held=gate))
    await again(services, endpoint_id)
    stop = asyncio.Event()
    sending = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(IN_FLIGHT)

    await push(services, day(0), {"new": 50.0}, kind=Kind.FUNDAMENTAL)
    await push(services, day(1), {"new": 95.0}, kind=Kind.FUNDAMENTAL)
    await fan_out(services)
    (new,) = [one for one in await log_of(services) if one.token == token("new")]
    gate.set()
    await receiver.wait_for(PART)
    stop.set()
    await sending

    order = [request.headers["gradebell-delivery"] for request in receiver.requests]
    # Behind what was begun when it came, and before all that waited.
    assert order.index(new.id) <= 2 * IN_FLIGHT


async def test_it_returns_a_part_at_a_time_as_fast_as_it_is_taken(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with()
    endpoint_id = await missed(services, receiver)
    record = await again(services, endpoint_id)
    assert (record.total, record.brought, record.state) == (MANY, PART, ReplayState.RUNNING)
    waiting = [one for one in await log_of(services) if one.state is State.PENDING]
    assert {one.trigger for one in waiting} == {Trigger.MANUAL}
    assert len(waiting) == PART

    # A lane that is not emptied gets no more.
    assert await go_on(services) == 0
    assert (await progress_of(services, record)).waiting == PART
    await dispatch(services)
    progress = await progress_of(services, record)
    assert (progress.waiting, progress.delivered) == (0, PART)
    # Another process goes on where the first one was.
    services = await open_with()
    assert [await go_on(services), await go_on(services)] == [7, 0]
    await dispatch(services)

    progress = await progress_of(services, record)
    assert (progress.replay.state, progress.replay.brought) == (ReplayState.DONE, MANY)
    assert (progress.delivered, progress.waiting, progress.failed) == (MANY, 0, 0)
    log = await log_of(services)
    assert {(one.state, one.attempts, one.trigger) for one in log} == {
        (State.DELIVERED, 1, Trigger.MANUAL)
    }


async def test_two_processes_bring_a_part_back_once(
    open_with: OpenServices, receiver: Receiver
) -> None:
    first, second = await open_with(), await open_with()
    record = await again(first, await missed(first, receiver))
    await dispatch(first)

    brought = await asyncio.gather(*(go_on(each) for each in (first, second, first, second)))

    assert sorted(brought) == [0, 0, 0, 7]
    assert (await progress_of(first, record)).waiting == 7


async def test_what_fails_once_more_is_not_brought_back_for_ever(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(413))
    record = await again(services, await missed(services, receiver))

    await dispatch(services)
    while await go_on(services):
        await dispatch(services)

    progress = await progress_of(services, record)
    assert (progress.replay.state, progress.failed) == (ReplayState.DONE, MANY)
    assert len(receiver.requests) == MANY


async def test_an_endpoint_that_takes_nothing_more_stops_it(
    services: Services, receiver: Receiver
) -> None:
    endpoint_id = await missed(services, receiver)
    record = await again(services, endpoint_id)
    await dispatch(services)
    await pause(endpoint_id, app_id=None, desk=services.desk)

    assert await go_on(services) == 0

    progress = await progress_of(services, record)
    assert (progress.replay.state, progress.replay.brought) == (ReplayState.STOPPED, PART)
    with pytest.raises(Conflict):
        await again(services, endpoint_id)
    await enable(endpoint_id, app_id=None, desk=services.desk)
    assert (await again(services, endpoint_id)).total == MANY - PART


async def test_a_replay_goes_with_its_endpoint(services: Services, receiver: Receiver) -> None:
    endpoint_id = await missed(services, receiver)
    record = await again(services, endpoint_id)

    await remove(endpoint_id, app_id=None, desk=services.desk)

    assert await go_on(services) == 0
    async with services.store.read() as tx:
        assert await find_replay(tx, record.id) is None


async def test_an_old_replay_is_forgotten_once_it_has_ended(
    services: Services, receiver: Receiver
) -> None:
    endpoint_id = await missed(services, receiver, PART + 1)
    running = await again(services, endpoint_id)
    ended = await again(services, endpoint_id)
    assert (running.state, ended.state) == (ReplayState.RUNNING, ReplayState.DONE)

    async with services.store.write() as tx:
        later = await tx.now() + timedelta(days=1)
        assert await drop_replays(tx, later, 100) == 1
        left = await list_replays(tx, endpoint_id, before=None, limit=10)

    assert [one.id for one in left] == [running.id]


async def test_a_part_is_found_without_reading_the_log(
    services: Services, receiver: Receiver
) -> None:
    endpoint_id = await missed(services, receiver, 10)
    said: list[tuple[str, Any]] = []
    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append((given[2], given[3])))

    await again(services, endpoint_id)

    looks = [look for look in said if "deliveries.ended_at" in look[0] and "SELECT" in look[0]]
    assert len(looks) >= 2
    async with services.store.read() as tx:
        if tx.is_postgresql:
            await tx.connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, parameters in looks:
            plan = await tx.connection.exec_driver_sql(
                f"EXPLAIN {'' if tx.is_postgresql else 'QUERY PLAN '}{statement}", parameters
            )
            assert "ix_deliveries_untold" in str(list(plan))
