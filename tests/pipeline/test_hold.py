"""Held cycles: not believed, told to the operator, released or discarded by a person."""

import json

import pytest
from sqlalchemy import func, select

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ratings import HoldReason
from alerts.errors import Conflict
from alerts.pipeline.access import create_app
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.release import discard, release
from alerts.store.cycles import CycleState, move_cycle
from alerts.store.ratings import list_history, ratings_of
from alerts.store.tables import cycle_rows
from alerts.store.watermarks import read_watermark
from tests.pipeline.conftest import (
    SOURCE,
    day,
    dispatch,
    fan_out,
    feed,
    log_of,
    push,
    subscribe,
    token,
)
from tests.receiver import Receiver

FIVE = dict.fromkeys("abcde", 50.0)


@pytest.mark.parametrize(
    ("scores", "complete", "reason"),
    [
        pytest.param(dict.fromkeys("abc", 95.0), True, HoldReason.TOO_FEW_TOKENS, id="under 80 %"),
        pytest.param(dict.fromkeys("abcde"), True, HoldReason.NO_SCORES, id="no score, complete"),
        pytest.param(dict.fromkeys("ab"), False, HoldReason.NO_SCORES, id="no score, partial"),
        pytest.param({}, True, HoldReason.EMPTY, id="empty"),
    ],
)
async def test_a_cycle_that_cannot_be_believed_is_held_and_moves_nothing(
    services: Services, scores: dict[str, float | None], complete: bool, reason: HoldReason
) -> None:
    await push(services, day(0), FIVE)

    held = await push(services, day(1), scores, complete=complete)

    assert (held.state, held.hold_reason) == (CycleState.HELD, reason)
    assert [event.type for event in await feed(services)] == [EventType.CYCLE_HELD]
    async with services.store.read() as tx:
        assert (await read_watermark(tx, SOURCE, Kind.TRADER)).as_of == day(0)
        assert (await ratings_of(tx, [token("a")]))[token("a")][Kind.TRADER].score == 5000


async def test_eighty_percent_are_enough(services: Services) -> None:
    await push(services, day(0), FIVE)

    record = await push(services, day(1), dict.fromkeys("abcd", 50.0))

    assert record.state is CycleState.DONE


async def test_a_partial_cycle_is_diffed_for_what_it_holds(services: Services) -> None:
    await push(services, day(0), FIVE)

    record = await push(services, day(1), {"a": 95}, complete=False)

    assert record.events == 1


async def test_the_operator_is_told_of_a_held_cycle_and_nobody_else(
    services: Services, receiver: Receiver
) -> None:
    first = await subscribe(services, receiver.url("/house"))
    app = await create_app("other", store=services.store)
    await subscribe(services, receiver.url("/other"), app_id=app.id)
    await push(services, day(0), FIVE)

    held = await push(services, day(1), {"a": 95})
    await dispatch(services)

    (request,) = receiver.requests
    told = json.loads(request.body)
    assert request.path == "/house"
    assert told["type"] == "cycle.held"
    assert told["data"]["cycle"]["id"] == held.id
    assert (told["data"]["reason"], told["data"]["graded"]) == ("too_few_tokens", 1)
    assert told["data"]["reference"] == 5
    (delivery,) = await log_of(services)
    assert (delivery.endpoint_id, delivery.state) == (first.endpoint.id, State.DELIVERED)


async def test_a_held_cycle_is_told_once_however_often_it_is_looked_at(services: Services) -> None:
    await push(services, day(0), FIVE)
    held = await push(services, day(1), {"a": 95})

    again = await diff_cycle(held.id, store=services.store, ladder=services.ladder)

    assert again.state is CycleState.HELD
    assert len(await feed(services)) == 1


async def test_a_released_cycle_is_diffed_as_news(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    await push(services, day(0), FIVE)
    held = await push(services, day(1), {"a": 95})

    record = await release(held.id, store=services.store, ladder=services.ladder)

    assert (record.state, record.events) == (CycleState.DIFFED, 1)
    assert [event.type for event in await feed(services)][1:] == [EventType.UPGRADED]
    async with services.store.read() as tx:
        mark = await read_watermark(tx, SOURCE, Kind.TRADER)
    assert (mark.as_of, mark.reference) == (day(1), 1)
    assert await fan_out(services) == 1


async def test_a_release_that_was_cut_off_goes_on(services: Services) -> None:
    await push(services, day(0), FIVE)
    held = await push(services, day(1), {"a": 95})
    async with services.store.write() as tx:
        await move_cycle(tx, held.id, expected=(CycleState.HELD,), to=CycleState.SEALED)

    record = await diff_cycle(held.id, store=services.store, ladder=services.ladder)

    assert record.events == 1


async def test_a_cycle_released_too_late_is_history(services: Services) -> None:
    await push(services, day(0), FIVE)
    held = await push(services, day(1), {"a": 95})
    await push(services, day(2), FIVE)

    record = await release(held.id, store=services.store, ladder=services.ladder)

    assert (record.state, record.events) == (CycleState.DONE, 0)
    async with services.store.read() as tx:
        mark = await read_watermark(tx, SOURCE, Kind.TRADER)
        rating = (await ratings_of(tx, [token("a")]))[token("a")][Kind.TRADER]
        found = await list_history(tx, token("a"), Kind.TRADER, before=None, limit=10)
    assert (mark.as_of, mark.reference) == (day(2), 1)
    assert (rating.score, rating.as_of) == (5000, day(2))
    assert [(line.as_of, line.score) for _, line in found] == [
        (day(2), 5000),
        (day(1), 9500),
        (day(0), 5000),
    ]


async def test_a_discarded_cycle_is_gone_for_good(services: Services) -> None:
    await push(services, day(0), FIVE)
    held = await push(services, day(1), {"a": 95})

    record = await discard(held.id, store=services.store)

    assert record.state is CycleState.DISCARDED
    async with services.store.read() as tx:
        left = await tx.connection.execute(select(func.count()).select_from(cycle_rows))
    assert left.scalar_one() == 0
    with pytest.raises(Conflict):
        await release(held.id, store=services.store, ladder=services.ladder)
    with pytest.raises(Conflict):
        await discard(held.id, store=services.store)


async def test_only_a_held_cycle_can_be_decided_on(services: Services) -> None:
    record = await push(services, day(0), FIVE)

    with pytest.raises(Conflict):
        await release(record.id, store=services.store, ladder=services.ladder)
