"""Restated history: corrected where it was announced, for those who are told."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ratings import default_policies
from alerts.pipeline.diff import Ladder, diff_cycle
from alerts.store.ratings import ratings_of
from alerts.store.tables import grades
from tests.pipeline.conftest import (
    START,
    OpenServices,
    day,
    dispatch,
    fan_out,
    feed,
    log_of,
    push,
    subscribe,
    take_in,
    token,
)
from tests.pipeline.owed import announced
from tests.receiver import Receiver, Reply

Line = tuple[int, int, float]


async def lines(services: Services, name: str) -> list[Line]:
    """(day, revision, points) of a token's history, oldest first."""
    columns = grades.c
    query = (
        select(columns.as_of, columns.revision, columns.score)
        .where(columns.token == token(name), columns.kind == Kind.TRADER)
        .order_by(columns.as_of, columns.revision)
    )
    async with services.store.read() as tx:
        rows = (await tx.connection.execute(query)).all()
    return [((row.as_of - START).days, row.revision, row.score / 100) for row in rows]


async def test_a_correction_goes_to_those_who_were_delivered_the_event(
    services: Services, receiver: Receiver
) -> None:
    told = await subscribe(services, receiver.url("/told"))
    receiver.script("/never", Reply(413))
    await subscribe(services, receiver.url("/never"))
    await announced(services)
    late = await subscribe(services, receiver.url("/late"))

    await push(services, day(1), {"a": 55})
    await fan_out(services)
    await dispatch(services)

    first, correction = await feed(services)
    assert correction.type is EventType.RESTATED
    (delivery,) = [one for one in await log_of(services) if one.event_id == correction.id]
    assert (delivery.endpoint_id, delivery.state) == (told.endpoint.id, State.DELIVERED)
    assert await log_of(services, late.endpoint.id) == []
    payload = json.loads(receiver.at("/told")[-1].body)
    assert payload["data"]["corrects"] == first.id
    assert payload["data"]["announced"]["band"] == "Buy"
    assert (payload["data"]["to"]["band"], payload["data"]["to"]["score"]) == ("Neutral", 55)


async def test_a_correction_moves_no_rating(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    await announced(services)

    await push(services, day(1), {"a": 5})

    async with services.store.read() as tx:
        rating = (await ratings_of(tx, [token("a")]))[token("a")][Kind.TRADER]
    assert (rating.score, rating.rank, rating.as_of) == (7000, 4, day(2))


async def test_what_would_have_been_told_the_same_is_not_corrected(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await announced(services)

    await push(services, day(1), {"a": 72})

    assert [event.type for event in await feed(services)] == [EventType.UPGRADED]
    assert (1, 1, 72) in await lines(services, "a")


async def test_what_was_not_announced_is_not_corrected(services: Services) -> None:
    for number in range(3):
        await push(services, day(number), {"a": 50})

    await push(services, day(1), {"a": 95})

    assert await feed(services) == []


async def test_what_held_before_a_correction_holds_again_from_the_next_cycle_on(
    services: Services,
) -> None:
    for number in range(4):
        await push(services, day(number), {"a": 50})

    await push(services, day(1), {"a": 60})

    assert await lines(services, "a") == [(0, 0, 50), (1, 0, 60), (2, 0, 50)]


async def test_a_restated_day_leaves_the_next_one_as_it_was(services: Services) -> None:
    await announced(services)

    await push(services, day(1), {"a": 55})

    assert await lines(services, "a") == [(0, 0, 50), (1, 0, 70), (1, 1, 55), (2, 0, 70)]


async def test_history_that_says_the_same_adds_no_line(services: Services) -> None:
    for number in range(4):
        await push(services, day(number), {"a": 50})

    await push(services, day(1), {"a": 50})

    assert await lines(services, "a") == [(0, 0, 50)]


async def test_history_may_come_between_two_cycles(services: Services) -> None:
    await push(services, day(0), {"a": 50})
    await push(services, day(4), {"a": 70})

    await push(services, day(2), {"a": 60})

    assert await lines(services, "a") == [(0, 0, 50), (2, 0, 60), (4, 0, 70)]


async def test_history_may_be_older_than_anything_known(services: Services) -> None:
    await push(services, day(3), {"a": 50})

    await push(services, day(3) - timedelta(days=2), {"a": 60})

    assert await lines(services, "a") == [(1, 0, 60), (3, 0, 50)]
    assert await feed(services) == []


async def test_the_same_correction_twice_is_told_once(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await announced(services)
    await push(services, day(1), {"a": 55})

    await push(services, day(1), {"a": 55})

    assert [event.type for event in await feed(services)] == [
        EventType.UPGRADED,
        EventType.RESTATED,
    ]


async def test_a_correction_is_corrected_where_the_band_would_be_another_again(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await announced(services)

    for score in (55, 57, 5, 70):
        await push(services, day(1), {"a": score})

    said = [json.loads(event.body)["data"] for event in await feed(services)]
    bands = [data["to"]["band"] for data in said]
    assert bands == ["Buy", "Neutral", "Strong Sell", "Buy"]
    assert len({data.get("corrects") for data in said[1:]}) == 1


async def test_a_first_sight_that_was_announced_is_corrected_too(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 50, "new": 70})
    await push(services, day(2), {"a": 50, "new": 70})

    await push(services, day(1), {"a": 50, "new": 50})

    assert [event.type for event in await feed(services)] == [
        EventType.INITIATED,
        EventType.RESTATED,
    ]


async def test_what_was_announced_on_another_ladder_is_not_corrected(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await announced(services)
    policies = dict(default_policies())
    policies[Kind.TRADER] = replace(policies[Kind.TRADER], version=2)
    ladder = Ladder(policies, services.ladder.token_page)

    late = await take_in(services, day(1), {"a": 5})
    await diff_cycle(late, store=services.store, ladder=ladder)

    types = [event.type for event in await feed(services)]
    assert EventType.RESTATED not in types


async def restated(services: Services) -> list[dict[str, Any]]:
    events = await feed(services)
    return [json.loads(event.body)["data"] for event in events if event.type is EventType.RESTATED]


async def test_a_change_is_corrected_where_a_day_that_confirmed_it_is_restated(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(trader_confirm_cycles=3)
    await subscribe(services, receiver.url())
    for number, score in enumerate((50, 64, 65, 66, 66)):
        await push(services, day(number), {"a": score, "b": 50})
    (told,) = await feed(services)
    assert told.at == day(3)

    await push(services, day(1), {"a": 63.5}, complete=False)
    assert await restated(services) == []
    await push(services, day(2), {"a": 50}, complete=False)
    await push(services, day(2), {"a": 51}, complete=False)
    (correction,) = await restated(services)
    assert (correction["corrects"], correction["to"]["band"]) == (told.id, "Neutral")
    assert (correction["to"]["score"], correction["to"]["as_of"][:10]) == (66, "2026-01-04")

    await push(services, day(2), {"a": 65}, complete=False)
    assert [one["to"]["band"] for one in await restated(services)] == ["Neutral", "Buy"]


async def test_a_restated_day_is_judged_by_what_confirmed_it(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(trader_confirm_cycles=2, trader_sure_margin=10)
    await subscribe(services, receiver.url())
    for number, score in enumerate((50, 64, 65, 65)):
        await push(services, day(number), {"a": score, "b": 50 if number < 2 else 75})
    assert [event.type for event in await feed(services)] == [EventType.UPGRADED] * 2

    await push(services, day(2), {"a": 63, "b": 69}, complete=False)

    (correction,) = await restated(services)
    assert correction["token"]["symbol"] == "B"
    assert correction["to"]["band"] == "Neutral"
