"""Transaction 1: what a cycle changes is durable at once, and only once."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ratings import default_policies
from alerts.domain.readings import Reading
from alerts.errors import NotFound
from alerts.pipeline.diff import THREAD_ROWS, Ladder, diff_cycle
from alerts.pipeline.receive import receive
from alerts.store.cycles import CycleState, Origin
from alerts.store.ratings import Observation, list_history, ratings_of
from alerts.store.tables import cycle_rows, deliveries
from alerts.store.watermarks import Watermark, read_watermark
from tests.pipeline.conftest import (
    SOURCE,
    START,
    day,
    feed,
    grades_of,
    push,
    subscribe,
    take_in,
    token,
)
from tests.receiver import Receiver


async def told(services: Services) -> list[tuple[int, str, str | None]]:
    return [(event.sequence, event.type.value, event.token) for event in await feed(services)]


async def history(services: Services, name: str) -> list[Observation]:
    """Oldest first."""
    async with services.store.read() as tx:
        found = await list_history(tx, token(name), Kind.TRADER, before=None, limit=100)
    return [line for _, line in reversed(found)]


async def lines(services: Services, name: str) -> list[tuple[int, int, float]]:
    """(day, revision, points) of a token's history, oldest first."""
    return [
        ((line.as_of - START).days, line.revision, line.score / 100)
        for line in await history(services, name)
    ]


async def watermark(services: Services) -> Watermark:
    async with services.store.read() as tx:
        return await read_watermark(tx, SOURCE, Kind.TRADER)


async def test_a_first_cycle_is_a_baseline_and_tells_nothing(services: Services) -> None:
    record = await push(services, day(0), {"a": 50, "b": 95})

    assert record.state is CycleState.DONE
    assert await told(services) == []
    assert await lines(services, "a") == [(0, 0, 50)]
    mark = await watermark(services)
    assert (mark.as_of, mark.first_as_of, mark.reference) == (day(0), day(0), 2)
    async with services.store.read() as tx:
        rating = (await ratings_of(tx, [token("b")]))[token("b")][Kind.TRADER]
    assert (rating.rank, rating.score, rating.since) == (5, 9500, day(0))


async def test_a_first_cycle_may_come_in_parts(services: Services) -> None:
    await push(services, day(0), {"a": 50}, complete=False)
    await push(services, day(0), {"b": 95}, complete=False)

    later = await push(services, day(1), {"a": 50, "b": 95, "c": 10})

    assert await told(services) == [(1, "grade.initiated", token("c"))]
    assert later.events == 1


async def test_changes_become_events_ratings_and_history_together(services: Services) -> None:
    await push(services, day(0), {"up": 50, "down": 50, "still": 50, "moved": 45})

    record = await push(services, day(1), {"up": 95, "down": 5, "still": 50, "moved": 51})

    assert (record.state, record.events) == (CycleState.DIFFED, 3)
    assert await told(services) == [
        (1, "grade.upgraded", token("up")),
        (2, "grade.downgraded", token("down")),
        (3, "grade.moved", token("moved")),
    ]
    assert await lines(services, "up") == [(0, 0, 50), (1, 0, 95)]
    assert await lines(services, "still") == [(0, 0, 50)]
    mark = await watermark(services)
    assert (mark.version, mark.as_of, mark.reference) == (2, day(1), 4)


async def test_numbers_go_on_over_kinds_and_sources_without_holes(services: Services) -> None:
    for kind in Kind:
        await push(services, day(0), {"a": 50, "b": 50}, kind=kind)

    for kind in Kind:
        await push(services, day(1), {"a": 95, "b": 5}, kind=kind)

    events = await feed(services)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert [json.loads(event.body)["sequence"] for event in events] == [1, 2, 3, 4]
    recorded = [event.recorded_at for event in events]
    assert recorded == sorted(recorded)


async def test_diffing_a_cycle_again_does_nothing(services: Services) -> None:
    await push(services, day(0), {"a": 50})
    first = await push(services, day(1), {"a": 95})
    mark = await watermark(services)

    again = await diff_cycle(first.id, store=services.store, ladder=services.ladder)

    assert again == first
    assert len(await feed(services)) == 1
    assert await watermark(services) == mark
    assert await lines(services, "a") == [(0, 0, 50), (1, 0, 95)]


async def test_a_cycle_that_is_pushed_twice_is_told_once(services: Services) -> None:
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 95})

    again = await push(services, day(1), {"a": 95})

    assert (again.state, again.events) == (CycleState.DONE, 0)
    assert len(await feed(services)) == 1


async def test_cycles_that_come_at_once_take_their_turns_and_none_is_compared_in_vain(
    services: Services,
) -> None:
    names = [f"t{number}" for number in range(30)]
    await push(services, day(0), dict.fromkeys(names, 50))
    before = await watermark(services)
    ids = [await take_in(services, day(1), {name: 95}, complete=False) for name in names]
    taken: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        taken.extend(["taken"] if statement.startswith("INSERT INTO watermarks") else [])

    event.listen(services.store.engine.sync_engine, "before_cursor_execute", note)
    done = await asyncio.gather(
        *(diff_cycle(each, store=services.store, ladder=services.ladder) for each in ids)
    )

    assert [record.events for record in done] == [1] * 30
    assert sorted(found.token or "" for found in await feed(services)) == sorted(map(token, names))
    assert len(taken) == (await watermark(services)).version - before.version == 30


async def test_rows_are_forgotten_once_they_are_diffed(services: Services) -> None:
    await push(services, day(0), {"a": 50})

    async with services.store.read() as tx:
        left = await tx.connection.execute(select(func.count()).select_from(cycle_rows))
    assert left.scalar_one() == 0


async def test_a_cycle_that_is_not_there_is_said_so(services: Services) -> None:
    with pytest.raises(NotFound):
        await diff_cycle("cyc_none", store=services.store, ladder=services.ladder)


async def test_a_different_value_at_the_same_time_is_a_revision(services: Services) -> None:
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 65})

    await push(services, day(1), {"a": 95})
    await push(services, day(1), {"a": 5})

    events = await feed(services)
    assert [event.type for event in events] == [
        EventType.UPGRADED,
        EventType.UPGRADED,
        EventType.DOWNGRADED,
    ]
    revises = [json.loads(event.body)["data"]["revises"] for event in events]
    assert revises == [None, events[0].id, events[1].id]
    assert await lines(services, "a") == [(0, 0, 50), (1, 0, 65), (1, 1, 95), (1, 2, 5)]


async def test_missing_and_unknown_grades_are_no_downgrade(services: Services) -> None:
    await push(services, day(0), {"a": 95, "b": 95, "c": 95, "d": 95, "e": 95})

    await push(services, day(1), {"a": 95, "b": 95, "c": 95, "d": 95, "e": None})
    await push(services, day(2), {"a": 95, "b": 95, "c": 95, "d": 95})
    await push(services, day(3), {"a": 95}, complete=False)

    assert await told(services) == []
    assert await lines(services, "e") == [(0, 0, 95)]


async def test_a_token_absent_long_enough_is_withdrawn_and_may_come_back(
    services: Services,
) -> None:
    others = dict.fromkeys("abcd", 50.0)
    await push(services, day(0), {**others, "gone": 95})
    for number in range(1, 8):
        await push(services, day(number), others)

    await push(services, day(8), {**others, "gone": 10})

    assert await told(services) == [
        (1, "grade.withdrawn", token("gone")),
        (2, "grade.reinstated", token("gone")),
    ]


async def test_seven_absences_within_three_days_withdraw_nothing(services: Services) -> None:
    others = dict.fromkeys("abcd", 50.0)
    await push(services, day(0), {**others, "gone": 95})

    for number in range(1, 10):
        await push(services, day(0) + timedelta(hours=number), others)

    assert await told(services) == []


async def test_a_late_cycle_is_history_and_moves_nothing(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await push(services, day(0), {"a": 50, "b": 50})
    await push(services, day(3), {"a": 50, "b": 50})
    mark = await watermark(services)

    late = await push(services, day(1), {"a": 5, "b": 95})

    assert (late.state, late.events) == (CycleState.DONE, 0)
    assert (await watermark(services)).as_of == mark.as_of
    async with services.store.read() as tx:
        rating = (await ratings_of(tx, [token("a")]))[token("a")][Kind.TRADER]
        owed = await tx.connection.execute(select(func.count()).select_from(deliveries))
    assert (rating.score, rating.as_of) == (5000, day(3))
    assert owed.scalar_one() == 0


async def test_a_new_ladder_rebases_ratings_and_is_announced_once(services: Services) -> None:
    await push(services, day(0), {"a": 50, "b": 15})
    policies = dict(default_policies())
    policies[Kind.TRADER] = replace(
        policies[Kind.TRADER], version=2, edges=(1000, 2000, 3000, 9000)
    )
    ladder = Ladder(policies, services.ladder.token_page)

    for number in (1, 2):
        cycle = await take_in(services, day(number), {"a": 50, "b": 15})
        await diff_cycle(cycle, store=services.store, ladder=ladder)

    (event,) = await feed(services)
    data = json.loads(event.body)["data"]
    assert event.type is EventType.REBASED
    assert (data["from_band_version"], data["to_band_version"], data["ratings"]) == (1, 2, 2)
    async with services.store.read() as tx:
        ranks = [
            (await ratings_of(tx, [token(name)]))[token(name)][Kind.TRADER].rank
            for name in ("a", "b")
        ]
    assert ranks == [4, 2]


async def test_a_reading_of_two_dates_is_two_partial_cycles_the_newest_first(
    services: Services,
) -> None:
    await push(services, day(0), {"a": 50})
    reading = Reading({day(1): grades_of({"a": 65}), day(2): grades_of({"b": 50})})

    async with services.store.write() as tx:
        ids = await receive(
            tx, reading, source=SOURCE, kind=Kind.TRADER, complete=True, origin=Origin.PUSH
        )
    records = [await diff_cycle(one, store=services.store, ladder=services.ladder) for one in ids]

    assert [(record.as_of, record.complete) for record in records] == [
        (day(2), False),
        (day(1), False),
    ]


async def test_a_large_cycle_comes_out_as_a_small_one_does(services: Services) -> None:
    names = [f"t{number}" for number in range(THREAD_ROWS + 1)]
    await push(services, day(0), dict.fromkeys(names, 50.0))

    record = await push(services, day(1), {name: 95.0 if name == "t7" else 50.0 for name in names})

    assert record.events == 1
    assert await told(services) == [(1, "grade.upgraded", token("t7"))]
