"""Thresholds: who names a score is told when a grade crosses it, and nobody else is."""

import json
from typing import Any

import pytest
from sqlalchemy import event, text

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Filter, Miss, Threshold, rows_of
from alerts.pipeline.replay import explain
from alerts.store.subscriptions import write_subscriptions
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

ABOVE_85 = Filter(types=frozenset(), thresholds=(Threshold(Kind.TRADER, above=8500),))


async def told(services: Services, *days: Scores) -> None:
    """Some days' scores, as far as they are told."""
    for number, scores in enumerate(days):
        await push(services, day(number), scores)
        await fan_out(services)
        await dispatch(services)


def scores(receiver: Receiver, path: str) -> list[tuple[str, float]]:
    """What was told there: the type of each event, and the score it went to."""
    bodies = [json.loads(seen.body) for seen in receiver.at(path)]
    return [(body["type"], body["data"]["to"]["score"]) for body in bodies]


async def test_a_webhook_is_told_once_each_time_a_score_is_crossed(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/rule"), wanted=ABOVE_85)
    await subscribe(services, receiver.url("/plain"))
    falls = Filter(types=frozenset(), thresholds=(Threshold(Kind.TRADER, below=8300),))
    await subscribe(services, receiver.url("/falls"), wanted=falls, tokens=["demo:a"])

    steps = (84.5, 85, 84.5, 85.5, 81.9, 85)
    await told(services, *({"a": step, "b": step} for step in steps))

    assert scores(receiver, "/plain") == []
    assert scores(receiver, "/rule") == [("grade.crossed", 85)] * 4
    assert scores(receiver, "/falls") == [("grade.crossed", 81.9)]
    crossed = json.loads(receiver.at("/rule")[0].body)["data"]
    assert crossed["crossed"] == {"direction": "up", "over": 84.5, "through": 85.0}
    assert crossed["from"]["score"] == 84.5


async def test_a_crossing_nobody_named_makes_no_event(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/rule"), wanted=ABOVE_85, tokens=["demo:a"])

    await told(services, {"a": 50, "b": 84}, {"a": 50, "b": 86}, {"a": 50, "b": 82})

    assert await feed(services) == []


async def test_a_correction_of_the_same_day_crosses_once_and_says_what_it_revises(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/rule"), wanted=ABOVE_85)
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 84})
    await push(services, day(1), {"a": 85})

    upgraded, crossed = await feed(services)

    assert (upgraded.type, crossed.type) == (EventType.UPGRADED, EventType.CROSSED)
    assert json.loads(crossed.body)["data"]["revises"] == upgraded.id
    assert crossed.id != upgraded.id


@pytest.mark.parametrize("order", [Order.NONE, Order.STRICT, Order.LATEST])
async def test_one_reading_may_be_an_upgrade_and_a_crossing_and_both_are_told(
    services: Services, receiver: Receiver, order: Order
) -> None:
    wanted = Filter(thresholds=ABOVE_85.thresholds)
    made = await subscribe(services, receiver.url("/both"), wanted=wanted, order=order)

    await told(services, {"a": 70}, {"a": 86})

    assert sorted(scores(receiver, "/both")) == [("grade.crossed", 86), ("grade.upgraded", 86)]
    crossing = next(one for one in await feed(services) if one.type is EventType.CROSSED)
    found = await explain(made.endpoint.id, crossing.id, app_id=None, store=services.store)
    assert (found.miss, found.delivery is None) == (None, False)


async def test_who_waits_is_told_of_the_newest_crossing_and_of_the_newest_change(
    services: Services, receiver: Receiver
) -> None:
    both = (Threshold(Kind.TRADER, above=8500, below=8500),)
    wanted = Filter(thresholds=both)
    await subscribe(services, receiver.url("/late"), wanted=wanted, order=Order.LATEST)
    for number, score in enumerate((70, 90, 81.5, 90)):
        await push(services, day(number), {"a": score})
        await fan_out(services)

    await dispatch(services)

    assert scores(receiver, "/late") == [("grade.upgraded", 90), ("grade.crossed", 90)]
    assert [one.reason for one in await log_of(services) if one.state == "skipped"] == [
        "superseded",
        "superseded",
    ]


async def test_of_many_endpoints_those_that_name_a_score_are_looked_at_alone(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/rule"), wanted=ABOVE_85)
    others = rows_of(Filter(), 0)
    async with services.store.write() as tx:
        for number in range(1000):
            await write_subscriptions(tx, f"ep_{number:026}", others)
        await tx.connection.execute(text("ANALYZE"))
    await push(services, day(0), {"a": 84})
    await push(services, day(1), {"a": 86})
    said: list[tuple[str, Any]] = []
    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append((given[2], given[3])))

    await fan_out(services)

    (look,) = [one for one in said if "EXISTS" in one[0] and "subscriptions.above" in one[0]]
    async with services.store.read() as tx:
        how = "" if tx.is_postgresql else "QUERY PLAN "
        plan = list(await tx.connection.exec_driver_sql(f"EXPLAIN {how}{look[0]}", look[1]))
    assert "ix_subscriptions_thresholds" in str(plan)
    assert "uq_subscriptions_endpoint" not in str(plan)
    assert [one.endpoint_id for one in await log_of(services)] == [made.endpoint.id]


async def test_a_chat_is_told_which_score_was_crossed(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        await here.follow("demo:a", wanted=ABOVE_85)

        await told(here.services, {"a": 84}, {"a": 86})

        (message,) = here.texts
        lines = message.split("\n")
        assert "A went above 85" in lines[0]
        assert "you follow A: trader above 85" in lines[-1]


async def test_a_grade_is_told_only_while_the_other_one_is_as_it_must_be(
    services: Services, receiver: Receiver
) -> None:
    solid = Filter(given=(Condition(Kind.FUNDAMENTAL, at_least=8000),))
    made = await subscribe(services, receiver.url("/solid"), wanted=solid)
    await subscribe(services, receiver.url("/plain"))
    await push(services, day(0), {"a": 80, "b": 79}, kind=Kind.FUNDAMENTAL)

    await told(services, {"a": 50, "b": 50, "c": 50}, {"a": 70, "b": 70, "c": 70})
    # What it is when it is sent is not asked: it was so when it happened.
    await push(services, day(1), {"a": 70, "b": 90, "c": 95}, kind=Kind.FUNDAMENTAL)
    await push(services, day(2), {"a": 30, "b": 30, "c": 30})
    await fan_out(services)
    await dispatch(services)

    said = [json.loads(seen.body)["data"] for seen in receiver.at("/solid")]
    assert {(each["token"]["id"], each["kind"], each["to"]["score"]) for each in said} == {
        ("demo:a", "trader", 70),
        ("demo:a", "fundamental", 70),
        ("demo:b", "fundamental", 90),
        ("demo:b", "trader", 30),
        ("demo:c", "trader", 30),
    }
    assert len(receiver.at("/plain")) == 8
    misses = []
    for one in (await feed(services))[:3]:
        found = await explain(made.endpoint.id, one.id, app_id=None, store=services.store)
        misses.append(found.miss)
    assert misses == [None, Miss.OTHER_GRADE, Miss.OTHER_UNKNOWN]


async def test_a_chat_is_told_what_the_other_grade_had_to_be(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        wanted = Filter(given=(Condition(Kind.FUNDAMENTAL, at_least=8000),))
        await here.follow("demo:a", wanted=wanted)
        await push(here.services, day(0), {"a": 80}, kind=Kind.FUNDAMENTAL)

        await told(here.services, {"a": 50}, {"a": 70})

        (message,) = here.texts
        assert "you follow A while fundamental is at least 80." in message.split("\n")[-1]
