"""A cycle that is received, diffed and fanned out while somebody waits for the answer."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import event

from alerts.bootstrap import Services
from alerts.domain.grades import Cycle, Kind, SourceName, source_name
from alerts.domain.readings import RejectedRow
from alerts.errors import StorageFailed
from alerts.pipeline import fan_out as fanning
from alerts.pipeline.diff import diff_at_once
from alerts.pipeline.release import release
from alerts.store.cycles import CycleRecord, CycleState, Origin, find_cycle, list_rejected
from tests.pipeline.conftest import (
    SOURCE,
    Scores,
    day,
    fan_out,
    feed,
    grades_of,
    log_of,
    push,
    subscribe,
)
from tests.receiver import Receiver

OTHER = source_name("other")


async def push_at_once(
    services: Services,
    as_of: datetime,
    scores: Scores,
    *,
    complete: bool = True,
    source: SourceName = SOURCE,
    rejected: tuple[RejectedRow, ...] = (),
) -> CycleRecord:
    cycle = Cycle(source, Kind.TRADER, as_of, complete, grades_of(scores, source))
    return await diff_at_once(
        cycle,
        origin=Origin.PUSH,
        rejected=rejected,
        store=services.store,
        ladder=services.ladder,
        waker=services.waker,
    )


async def state_of(services: Services, cycle_id: str) -> CycleState:
    async with services.store.read() as tx:
        record = await find_cycle(tx, cycle_id)
    assert record is not None
    return record.state


async def test_it_is_owed_once_it_is_answered(services: Services, receiver: Receiver) -> None:
    made = await subscribe(services, receiver.url())
    await push_at_once(services, day(0), {"a": 50, "b": 50})

    record = await push_at_once(services, day(1), {"a": 95, "b": 50})

    assert (record.state, record.events) == (CycleState.DIFFED, 1)
    (owed,) = await log_of(services, made.endpoint.id)
    assert owed.token == "demo:a"
    assert await state_of(services, record.id) is CycleState.DONE
    assert await fan_out(services) == 0


async def test_it_comes_to_what_receiving_and_diffing_come_to(services: Services) -> None:
    same = {f"n{number}": 50.0 for number in range(20)}
    days: list[Scores] = [
        {"a": 50, "b": 50, "c": 50, **same},
        {"a": 95, "b": 5, "c": None, **same},
        {"a": 95, "c": 80, **same},
        {"a": 10, "b": 70, "c": 80, "d": 60, **same},
    ]
    for number, scores in enumerate(days):
        await push(services, day(number), scores)
        await push_at_once(services, day(number), scores, source=OTHER)

    told: dict[str, list[object]] = {}
    for one in await feed(services):
        source, _, name = str(one.token).partition(":")
        told.setdefault(source, []).append((one.type, name, one.notches, one.size))
    assert told[OTHER] == told[SOURCE]
    assert len(told[SOURCE]) > 4


async def test_what_is_held_is_released_with_all_its_rows(services: Services) -> None:
    names = [f"n{number}" for number in range(10)]
    await push_at_once(services, day(0), dict.fromkeys(names, 50))
    left_out = RejectedRow(9, "x", "is odd")

    held = await push_at_once(services, day(1), {"n1": 95}, rejected=(left_out,))
    released = await release(held.id, store=services.store, ladder=services.ladder)

    assert held.state is CycleState.HELD
    assert released.events == 1
    async with services.store.read() as tx:
        assert await list_rejected(tx, held.id) == [left_out]


async def test_many_at_once_are_each_told_once(services: Services, receiver: Receiver) -> None:
    made = await subscribe(services, receiver.url())
    names = [f"n{number}" for number in range(40)]
    await push_at_once(services, day(0), dict.fromkeys(names, 50))

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(push_at_once(services, day(1), {name: 95}, complete=False))
    await fan_out(services)

    owed = [one.token for one in await log_of(services, made.endpoint.id)]
    assert sorted(map(str, owed)) == sorted(f"demo:{name}" for name in names)


async def test_what_would_take_long_is_left_to_a_worker(
    services: Services, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanning, "QUICKLY_OWED", 2)
    for number in range(5):
        await subscribe(services, receiver.url(f"/{number}"))
    await push_at_once(services, day(0), {"a": 50})

    record = await push_at_once(services, day(1), {"a": 95})

    assert len(await log_of(services)) == 2
    assert await state_of(services, record.id) is CycleState.DIFFED
    assert await fan_out(services) == 3
    assert await state_of(services, record.id) is CycleState.DONE


async def test_a_cycle_of_much_news_is_left_to_a_worker_whole(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    names = [f"n{number}" for number in range(fanning.QUICKLY_OWED + 1)]
    await push_at_once(services, day(0), dict.fromkeys(names, 50))

    record = await push_at_once(services, day(1), dict.fromkeys(names, 95))

    assert record.events == len(names)
    assert await log_of(services) == []
    assert await fan_out(services) == len(names)


async def test_a_fan_out_that_fails_does_not_undo_what_is_durable(
    services: Services, receiver: Receiver
) -> None:
    """On SQLite it is one transaction: nothing is told then, and nothing pushed."""
    await subscribe(services, receiver.url())
    await push_at_once(services, day(0), {"a": 50})
    broken = True

    def refuse(*of: object) -> None:
        if broken and " INTO deliveries " in str(of[2]):
            raise StorageFailed("there is no room")

    event.listen(services.store.engine.sync_engine, "before_cursor_execute", refuse)

    if services.store.has_one_writer:
        with pytest.raises(StorageFailed):
            await push_at_once(services, day(1), {"a": 95})
        broken = False
        record = await push_at_once(services, day(1), {"a": 95})
    else:
        record = await push_at_once(services, day(1), {"a": 95})
        assert await log_of(services) == []
        broken = False
        assert await fan_out(services) == 1

    assert (record.state, record.events) == (CycleState.DIFFED, 1)
    assert len(await log_of(services)) == 1
