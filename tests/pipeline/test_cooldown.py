"""A cooldown keeps changes back, and hides none that holds."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import change_endpoint
from alerts.store.endpoints import EndpointRecord
from alerts.store.ratings import load_ratings
from tests.pipeline.conftest import (
    SOURCE,
    day,
    dispatch,
    fan_out,
    log_of,
    pass_time,
    push,
    subscribe,
)
from tests.receiver import Receiver, Reply

COOLDOWN = timedelta(hours=6)
SECONDS = int(COOLDOWN.total_seconds())
HOUR = timedelta(hours=1)


async def told(services: Services, number: int, scores: Mapping[str, float]) -> None:
    """A day's scores, as far as they are told."""
    await push(services, day(number), scores)
    await fan_out(services)
    await dispatch(services)


async def became(services: Services) -> list[tuple[str, str | None, str | None]]:
    return [(one.state, one.reason, one.deferred_reason) for one in await log_of(services)]


def bands(receiver: Receiver, path: str = "/") -> list[str]:
    return [json.loads(seen.body)["data"]["to"]["band"] for seen in receiver.at(path)]


def scores(receiver: Receiver, path: str) -> list[float]:
    return [json.loads(seen.body)["data"]["to"]["score"] for seen in receiver.at(path)]


async def test_a_change_within_the_cooldown_is_told_when_that_is_over(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), cooldown_seconds=SECONDS)
    for number, score in enumerate((50, 70, 50)):
        await told(services, number, {"a": score})
    _, held = await log_of(services)
    assert bands(receiver) == ["Buy"]
    assert (held.state, held.deferred_reason, held.attempts) == ("pending", "cooldown", 0)

    await pass_time(services, COOLDOWN - HOUR)
    await dispatch(services)
    assert bands(receiver) == ["Buy"]
    await pass_time(services, HOUR)
    await dispatch(services)

    assert bands(receiver) == ["Buy", "Neutral"]


async def test_a_change_that_was_taken_back_meanwhile_is_not_told(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), cooldown_seconds=SECONDS)
    for number, score in enumerate((50, 70, 50, 70)):
        await told(services, number, {"a": score})

    await pass_time(services, COOLDOWN)
    await dispatch(services)

    assert bands(receiver) == ["Buy"]
    assert await became(services) == [
        ("delivered", None, None),
        ("skipped", "superseded", "cooldown"),
        ("skipped", "reversed", None),
    ]

    await told(services, 4, {"a": 50})
    assert bands(receiver) == ["Buy", "Neutral"]


async def test_a_move_within_the_cooldown_hides_no_change_of_band_and_waits_behind_it(
    services: Services, receiver: Receiver
) -> None:
    for order in Order:
        path = f"/{order}"
        wanted = Filter(types=BAND_CHANGES | {EventType.MOVED})
        await subscribe(
            services, receiver.url(path), wanted=wanted, order=order, cooldown_seconds=SECONDS
        )
    for number, score in enumerate((50, 70, 50, 44)):
        await told(services, number, {"a": score})

    await pass_time(services, COOLDOWN)
    await dispatch(services)
    for order in Order:
        assert scores(receiver, f"/{order}") == [70, 50]
    await pass_time(services, COOLDOWN)
    await dispatch(services)

    for order in Order:
        assert scores(receiver, f"/{order}") == [70, 50, 44]


async def test_a_move_that_was_told_first_hides_no_change_of_band_that_failed(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(), Reply(500), Reply(500), Reply())
    wanted = Filter(types=BAND_CHANGES | {EventType.MOVED})
    await subscribe(services, receiver.url("/"), wanted=wanted, cooldown_seconds=SECONDS)
    for number, score in enumerate((50, 70, 50, 44)):
        await told(services, number, {"a": score})

    for wait in (COOLDOWN, timedelta(seconds=10), timedelta(seconds=10), timedelta(minutes=10)):
        await pass_time(services, wait)
        await dispatch(services)

    assert scores(receiver, "/") == [70, 50, 50, 44, 50]
    assert {state for state, _, _ in await became(services)} == {"delivered"}


async def test_other_tokens_and_the_other_kind_are_told_at_once(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), cooldown_seconds=SECONDS)
    await told(services, 0, {"a": 50, "b": 50})
    await told(services, 1, {"a": 70, "b": 50})
    await push(services, day(0), {"a": 50}, kind=Kind.FUNDAMENTAL)
    await push(services, day(1), {"a": 70}, kind=Kind.FUNDAMENTAL)

    await told(services, 2, {"a": 70, "b": 70})

    assert sorted(bands(receiver)) == ["Buy", "Buy", "Emerging"]


async def test_what_was_not_told_begins_no_cooldown(services: Services, receiver: Receiver) -> None:
    receiver.script("/", Reply(413), Reply(500), Reply())
    await subscribe(services, receiver.url("/"), cooldown_seconds=SECONDS)
    for number, score in enumerate((50, 70, 50, 30)):
        await told(services, number, {"a": score})

    assert bands(receiver)[-1] == "Sell"
    assert [state for state, _, _ in await became(services)] == ["dead", "skipped", "delivered"]


async def test_a_shorter_cooldown_lets_go_of_what_the_longer_one_held(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/"), cooldown_seconds=SECONDS)
    for number, score in enumerate((50, 70, 50)):
        await told(services, number, {"a": score})

    def uncooled(old: EndpointRecord) -> EndpointRecord:
        return replace(old, cooldown_seconds=None)

    await change_endpoint(made.endpoint.id, uncooled, app_id=None, desk=services.desk)
    await dispatch(services)

    assert bands(receiver) == ["Buy", "Neutral"]


async def test_after_every_cooldown_what_is_believed_is_what_holds(
    services: Services, receiver: Receiver
) -> None:
    dice = random.Random(11)
    names = [f"t{number}" for number in range(12)]
    answers = [Reply(500) if dice.random() < 0.2 else Reply() for _ in range(400)]
    everything = frozenset(
        {EventType.UPGRADED, EventType.DOWNGRADED, EventType.MOVED, EventType.REINSTATED}
    )
    for order in Order:
        path = f"/{order}"
        receiver.script(path, *answers)
        wanted = Filter(types=everything)
        await subscribe(
            services, receiver.url(path), wanted=wanted, order=order, cooldown_seconds=SECONDS
        )
    await told(services, 0, dict.fromkeys(names, 50.0))
    for number in range(1, 12):
        scores = {name: dice.choice([10, 30, 50, 55, 70, 75, 90]) for name in names}
        await told(services, number, {name: float(score) for name, score in scores.items()})
        await pass_time(services, dice.choice([HOUR, 2 * HOUR, 5 * HOUR]))

    for _ in range(12):
        await pass_time(services, COOLDOWN)
        await dispatch(services)

    async with services.store.read() as tx:
        held = await load_ratings(tx, SOURCE, Kind.TRADER, wanted=None)
    for order in Order:
        believed: dict[str, tuple[int, int]] = {}
        for seen, answer in zip(receiver.at(f"/{order}"), answers, strict=False):
            if answer.status == Reply().status:
                event = json.loads(seen.body)
                said = event["sequence"], event["data"]["to"]["band_rank"]
                name = event["data"]["token"]["id"]
                believed[name] = max(believed.get(name, said), said)
        moved = [one for one in held.values() if str(one.token) in believed]
        assert len(moved) == len(names)
        assert {str(one.token): one.rank for one in moved} == {
            name: rank for name, (_, rank) in believed.items()
        }
