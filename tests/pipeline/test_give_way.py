"""Who is told the newest alone is told nothing that leads back to what they know."""

import asyncio
import json
import random
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter, Threshold
from alerts.store.ratings import load_ratings
from tests.faults import Fault
from tests.pipeline.chatting import chatting
from tests.pipeline.conftest import (
    SOURCE,
    OpenServices,
    Scores,
    day,
    dispatch,
    fan_out,
    log_of,
    pass_time,
    push,
    subscribe,
    until,
)
from tests.receiver import Receiver, Reply

MINUTE = timedelta(minutes=1)
NAMES = [f"t{number}" for number in range(8)]


async def owed(services: Services, number: int, scores: Scores) -> None:
    """A day's scores, fanned out and not sent."""
    await push(services, day(number), scores)
    await fan_out(services)


async def told(services: Services, number: int, scores: Scores) -> None:
    await owed(services, number, scores)
    await dispatch(services)


async def ends(services: Services, name: str = "a") -> list[str]:
    """What became of all that is about a token."""
    log = [one for one in await log_of(services) if str(one.token) == f"demo:{name}"]
    return [one.reason or one.state.value for one in log]


def scores(receiver: Receiver, path: str = "/") -> list[float]:
    return [json.loads(seen.body)["data"]["to"]["score"] for seen in receiver.at(path)]


async def test_what_is_back_before_it_was_told_is_not_told(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), order=Order.LATEST)
    for number, score in enumerate((50, 70, 50)):
        await owed(services, number, {"a": score})
    await dispatch(services)
    assert scores(receiver) == []
    assert await ends(services) == ["superseded", "reversed"]

    await told(services, 3, {"a": 30})

    assert scores(receiver) == [30]


async def test_what_is_not_quite_back_is_told(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url("/"), order=Order.LATEST)
    for number, score in enumerate((50, 90, 70)):
        await owed(services, number, {"a": score})

    await dispatch(services)

    assert scores(receiver) == [70]


async def test_a_way_back_of_many_steps_is_not_told_whenever_each_gave_way(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), order=Order.LATEST, rate_limit=0.01)
    days: tuple[Scores, ...] = (
        {"b": 50, "c": 50, "d": 50, "a": 50},
        {"b": 70, "c": 70, "d": 70, "a": 70},
        {"b": 70, "c": 70, "d": 70, "a": 90},
        {"b": 70, "c": 70, "d": 70, "a": 50},
    )
    # One a turn goes out, the oldest first: `a` waits for its own.
    for number, each in enumerate(days):
        await told(services, number, each)
        await pass_time(services, 2 * MINUTE)

    await dispatch(services)

    assert await ends(services) == ["superseded", "superseded", "reversed"]
    assert scores(receiver) == [70, 70, 70]


async def test_what_may_have_arrived_is_taken_back_aloud(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"), order=Order.LATEST)
    await told(services, 0, {"a": 50})
    await told(services, 1, {"a": 70})

    await told(services, 2, {"a": 50})

    assert scores(receiver) == [70, 50]


async def test_what_a_cooldown_held_is_told_where_what_it_takes_back_may_have_arrived(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(), Reply(500, held=gate), Reply())
    await subscribe(services, receiver.url("/"), cooldown_seconds=60)
    await told(services, 0, {"a": 50})
    await told(services, 1, {"a": 70})
    await pass_time(services, 2 * MINUTE)
    await owed(services, 2, {"a": 50})
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(2)
    await owed(services, 3, {"a": 70})

    async def it_is_held() -> bool:
        return (await log_of(services))[-1].deferred_reason is not None

    await until(it_is_held)
    gate.set()
    await running
    await pass_time(services, MINUTE)
    await dispatch(services)

    assert scores(receiver) == [70, 50, 70]


async def test_what_a_chat_refused_did_not_arrive(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        await here.follow()
        here.telegram.fail(Fault(status=418, body=b"{}"))
        await told(here.services, 0, {"a": 50})
        await told(here.services, 1, {"a": 70})
        assert await ends(here.services) == ["client_error"]

        await told(here.services, 2, {"a": 50})
        await pass_time(here.services, MINUTE)
        await dispatch(here.services)

        assert here.texts == []
        assert await ends(here.services) == ["superseded", "reversed"]


@pytest.mark.parametrize(
    ("named", "days", "expected"),
    [
        pytest.param((85, 85), (70, 90, 81), [], id="back_under_it"),
        pytest.param((85, 85), (90, 81, 90), [], id="back_over_it"),
        pytest.param((85, 85), (70, 90, 81, 90), [90], id="over_it_in_the_end"),
        pytest.param((85, 80), (70, 90, 79), [], id="below_as_before"),
        pytest.param((85, 80), (82, 90, 78), [78], id="below_as_it_was_not"),
        pytest.param((40, 60), (30, 70, 55), [70, 55], id="both_hold"),
        pytest.param((40, 60), (70, 55, 30, 45), [55, 45], id="both_hold_the_other_way_round"),
        pytest.param((40, 60), (30, 70, 55, 35, 50), [50], id="above_and_still_below"),
    ],
)
async def test_of_crossings_that_waited_those_are_told_that_hold_and_are_news(
    services: Services,
    receiver: Receiver,
    named: tuple[int, int],
    days: tuple[int, ...],
    expected: list[float],
) -> None:
    above, below = named
    threshold = Threshold(Kind.TRADER, above=above * 100, below=below * 100)
    wanted = Filter(types=frozenset(), thresholds=(threshold,))
    for path, tokens in (("/all", None), ("/named", ["demo:a"])):
        await subscribe(
            services, receiver.url(path), wanted=wanted, order=Order.LATEST, tokens=tokens
        )
    for number, score in enumerate(days):
        await owed(services, number, {"a": score})

    await dispatch(services)

    assert scores(receiver, "/all") == expected
    assert scores(receiver, "/named") == expected


async def test_every_message_is_news_and_the_last_one_holds(
    services: Services, receiver: Receiver
) -> None:
    dice = random.Random(7)
    everything = Filter(types=BAND_CHANGES | {EventType.MOVED})
    await subscribe(services, receiver.url("/"), order=Order.LATEST)
    await subscribe(services, receiver.url("/moves"), order=Order.LATEST, wanted=everything)
    start = dict.fromkeys(NAMES, 50.0)
    await told(services, 0, start)
    for number in range(1, 25):
        shown = {name: float(dice.choice([10, 30, 50, 55, 70, 75, 90])) for name in NAMES}
        await owed(services, number, shown)
        if dice.random() < 0.4:
            await dispatch(services)
    await dispatch(services)

    async with services.store.read() as tx:
        held = await load_ratings(tx, SOURCE, Kind.TRADER, wanted=None)
    for path in ("/", "/moves"):
        believed = {f"demo:{name}": 3 for name in NAMES}
        for seen in receiver.at(path):
            event = json.loads(seen.body)
            token, band = event["data"]["token"]["id"], event["data"]["to"]["band_rank"]
            assert band != believed[token] or path == "/moves"
            believed[token] = band
        assert believed == {str(rating.token): rating.rank for rating in held.values()}
    assert {"superseded", "reversed"} <= {one.reason for one in await log_of(services)}
