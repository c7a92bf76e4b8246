"""Windows: who names the size of a move is told when a grade went that far, and nobody else is."""

import json
from dataclasses import replace

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order
from alerts.domain.events import WINDOWED, EventType, Window
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Filter, Miss, Reach, Threshold
from alerts.pipeline.endpoints import remove
from alerts.pipeline.replay import explain
from alerts.store.events import EventRecord, last_by_rule
from tests.builders import token
from tests.pipeline.chatting import chatting
from tests.pipeline.conftest import (
    OpenServices,
    Scores,
    day,
    dispatch,
    fan_out,
    feed,
    log_of,
    push,
    subscribe,
)
from tests.receiver import Receiver

RISES_15 = Filter(types=frozenset(), windows=(Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1500),))
MOVES_20_PERCENT = Filter(
    types=frozenset(), windows=(Reach(Kind.TRADER, Window.DAY_PERCENT, rise=2000, fall=2000),)
)


async def told(services: Services, *days: Scores, first: int = 0) -> None:
    """Some days' scores, as far as they are told."""
    for number, scores in enumerate(days, start=first):
        await push(services, day(number), scores)
        await fan_out(services)
        await dispatch(services)


def scores(receiver: Receiver, path: str) -> list[tuple[str, float]]:
    """What was told there: the type of each event, and the score it went to."""
    bodies = [json.loads(seen.body) for seen in receiver.at(path)]
    return [(body["type"], body["data"]["to"]["score"]) for body in bodies]


async def moves_of(services: Services) -> list[EventRecord]:
    """The events of what went far, in order."""
    return [event for event in await feed(services) if event.type in WINDOWED]


async def test_a_webhook_is_told_once_how_far_a_grade_went(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/rise"), wanted=RISES_15)
    await subscribe(services, receiver.url("/percent"), wanted=MOVES_20_PERCENT, tokens=["demo:a"])
    await subscribe(services, receiver.url("/plain"), wanted=Filter(types=frozenset()))

    # A climb of 3 a day within the band, and one day's fall.
    steps = (42, 45, 48, 51, 54, 57, 57, 45)
    await told(services, *({"a": step, "b": 50} for step in steps))

    assert scores(receiver, "/plain") == []
    assert scores(receiver, "/rise") == [("grade.rose", 57)]
    assert scores(receiver, "/percent") == [("grade.fell", 45)]
    body = json.loads(receiver.at("/rise")[0].body)["data"]
    assert body["window"] == {
        "days": 7,
        "unit": "points",
        "over": 12.0,
        "through": 15.0,
        "from": {"score": 42.0, "as_of": "2026-01-01T00:00:00Z"},
    }
    assert body["from"]["score"] == 54


async def test_the_newest_event_of_a_rule_is_found_by_what_it_is_of(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/rise"), wanted=RISES_15)
    await subscribe(services, receiver.url("/percent"), wanted=MOVES_20_PERCENT)
    await told(services, {"a": 42}, {"a": 57}, {"a": 42})

    falls = replace(RISES_15.windows[0], rise=None, fall=100)
    crossing = Filter(thresholds=(Threshold(Kind.TRADER, above=5000),))
    rules = (RISES_15, MOVES_20_PERCENT, Filter(windows=(falls,)), crossing, Filter())
    async with services.store.read() as tx:
        found = [await last_by_rule(tx, token("a"), wanted) for wanted in rules]

    assert [None if each is None else (each.type, each.within) for each in found] == [
        (EventType.ROSE, Window.WEEK_POINTS),
        (EventType.FELL, Window.DAY_PERCENT),
        None,
        None,
        None,
    ]


async def test_a_move_nobody_named_makes_no_event(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url("/rise"), wanted=RISES_15, tokens=["demo:a"])

    await told(services, {"a": 41, "b": 41}, {"a": 50, "b": 57}, {"a": 49, "b": 41})

    assert await moves_of(services) == []


async def test_who_names_a_size_late_is_told_what_goes_farther_from_then_on(
    services: Services, receiver: Receiver
) -> None:
    # Told of one that is kept, and of one that is made of the history.
    await subscribe(services, receiver.url("/early"), wanted=RISES_15, tokens=["demo:a"])
    days: list[Scores] = [
        {"a": step, "b": step, "c": late}
        for step, late in ((41, 41), (44, 57), (50, 56.5), (50, 56.5))
    ]
    await told(services, *days)
    await subscribe(services, receiver.url("/late"), wanted=RISES_15)

    await told(services, {"a": 56, "b": 56, "c": 57.5}, first=4)

    assert scores(receiver, "/early") == [("grade.rose", 56)]
    told_late = [json.loads(seen.body)["data"] for seen in receiver.at("/late")]
    assert [each["token"]["symbol"] for each in told_late] == ["A", "B"]
    windows = [each["window"] for each in told_late]
    assert windows[0] == windows[1]


async def test_what_was_not_kept_meanwhile_is_made_of_the_history_again(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/first"), wanted=RISES_15)
    await told(services, {"a": 50}, {"a": 51})
    await remove(made.endpoint.id, app_id=None, desk=services.desk)
    await told(services, {"a": 42}, {"a": 51}, first=2)
    await subscribe(services, receiver.url("/second"), wanted=RISES_15)

    await told(services, {"a": 57}, first=4)

    (body,) = (json.loads(seen.body)["data"] for seen in receiver.at("/second"))
    assert body["window"]["from"] == {"score": 42.0, "as_of": "2026-01-03T00:00:00Z"}


async def test_a_grade_that_comes_back_begins_anew(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url("/rise"), wanted=RISES_15)
    rest: Scores = {"b": 50, "c": 50, "d": 50, "e": 50, "f": 50}
    await told(services, *({"a": score, **rest} for score in (41, 42)))
    await told(services, *(rest for _ in range(7)), first=2)

    await told(services, {"a": 58, **rest}, {"a": 59, **rest}, {"a": 79, **rest}, first=9)

    assert scores(receiver, "/rise") == [("grade.rose", 79)]
    (body,) = (json.loads(seen.body)["data"] for seen in receiver.at("/rise"))
    assert body["window"]["from"]["score"] == 58


async def test_a_size_named_after_a_grade_came_back_is_not_held_against_what_was_before(
    services: Services, receiver: Receiver
) -> None:
    rest: Scores = {"b": 50, "c": 50, "d": 50, "e": 50, "f": 50}
    await told(services, {"a": 42, **rest}, *(rest for _ in range(8)), {"a": 58, **rest})
    rises_17 = replace(RISES_15, windows=(replace(RISES_15.windows[0], rise=1700),))
    await subscribe(services, receiver.url("/rise"), wanted=rises_17)

    await told(services, {"a": 59, **rest}, {"a": 75, **rest}, first=10)

    assert scores(receiver, "/rise") == [("grade.rose", 75)]


@pytest.mark.parametrize("order", [Order.NONE, Order.LATEST])
async def test_one_reading_may_be_an_upgrade_and_a_rise_and_both_are_told(
    services: Services, receiver: Receiver, order: Order
) -> None:
    wanted = Filter(windows=RISES_15.windows)
    made = await subscribe(services, receiver.url("/both"), wanted=wanted, order=order)

    await told(services, {"a": 50}, {"a": 66})

    assert sorted(scores(receiver, "/both")) == [("grade.rose", 66), ("grade.upgraded", 66)]
    rise = next(one for one in await feed(services) if one.type is EventType.ROSE)
    found = await explain(made.endpoint.id, rise.id, app_id=None, store=services.store)
    assert (found.miss, found.delivery is None) == (None, False)


async def test_who_waits_is_told_of_the_newest_move_within_a_window(
    services: Services, receiver: Receiver
) -> None:
    wanted = Filter(windows=MOVES_20_PERCENT.windows)
    await subscribe(services, receiver.url("/late"), wanted=wanted, order=Order.LATEST)
    for number, score in enumerate((45, 58, 44)):
        await push(services, day(number), {"a": score})
        await fan_out(services)

    await dispatch(services)

    assert scores(receiver, "/late") == [("grade.fell", 44)]
    assert [one.reason for one in await log_of(services) if one.state == "skipped"] == [
        "superseded"
    ]


async def test_a_move_is_told_only_while_the_other_grade_is_as_it_must_be(
    services: Services, receiver: Receiver
) -> None:
    wanted = Filter(
        types=frozenset(),
        windows=RISES_15.windows,
        given=(Condition(Kind.FUNDAMENTAL, at_least=8000),),
    )
    made = await subscribe(services, receiver.url("/solid"), wanted=wanted)
    await subscribe(services, receiver.url("/plain"), wanted=RISES_15)
    await push(services, day(0), {"a": 80, "b": 79}, kind=Kind.FUNDAMENTAL)

    await told(services, {"a": 41, "b": 41}, {"a": 57, "b": 57})

    assert len(receiver.at("/solid")) == 1
    assert len(receiver.at("/plain")) == 2
    misses = []
    for event in await moves_of(services):
        found = await explain(made.endpoint.id, event.id, app_id=None, store=services.store)
        misses.append(found.miss)
    assert misses == [None, Miss.OTHER_GRADE]


async def test_a_smaller_size_is_missed_by_a_larger_one(
    services: Services, receiver: Receiver
) -> None:
    large = Filter(
        types=frozenset(), windows=(Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1700, fall=100),)
    )
    made = await subscribe(services, receiver.url("/large"), wanted=large)
    await subscribe(services, receiver.url("/rise"), wanted=RISES_15)

    await told(services, {"a": 41}, {"a": 57})

    (rise,) = await moves_of(services)
    assert receiver.at("/large") == []
    found = await explain(made.endpoint.id, rise.id, app_id=None, store=services.store)
    assert found.miss is Miss.WINDOW


async def test_a_chat_is_told_how_far_and_within_what(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        await here.follow("demo:a", wanted=RISES_15)

        await told(here.services, {"a": 41}, {"a": 49}, {"a": 57.5})

        (message,) = here.texts
        lines = message.split("\n")
        assert "A rose 16.5 points within 7 days" in lines[0]
        assert "you follow A: trader up 15 points or more within 7 days" in lines[-1]
