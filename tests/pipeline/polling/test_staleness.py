"""Yesterday's rows again, for days: no event, and the operator is told once."""

import json
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.pipeline.freshness import read_freshness, watch_freshness
from alerts.ports import SourceState
from tests.pipeline.conftest import TurnedClock, feed
from tests.pipeline.polling.conftest import OpenPolling, ratings, swept, told
from tests.pipeline.polling.raw import RawUpstream
from tests.pipeline.upstream import plan_of, poll_once, state_of
from tests.sources.wire import answer

HOUR = timedelta(hours=1)
MANY = {number: 40 + number for number in range(20)}
FAILING, RECOVERED = EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED


async def watch(services: Services) -> SourceState:
    for _ in range(2):
        await watch_freshness(Kind.TRADER, store=services.store, plan=plan_of(services))
    return (await state_of(services)).state


async def hourly(services: Services, clock: TurnedClock, *, hours: int) -> list[SourceState]:
    """Sweeps, every few hours; how the source stands after each."""
    stands = []
    for _ in range(hours // 3):
        clock.turn(3 * HOUR)
        await swept(services)
        stands.append(await watch(services))
    return stands


async def test_grades_that_are_the_same_for_two_days_are_told_once_until_there_is_news(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(MANY)
    await swept(services)

    assert set(await hourly(services, clock, hours=48)) == {SourceState.OK}
    assert await told(services) == []
    assert set(await hourly(services, clock, hours=24)) == {SourceState.STALE}
    (event,) = await feed(services)
    said = json.loads(event.body)["data"]
    assert (event.type, said["state"]) == (FAILING, "stale")
    assert said["detail"] == "all 20 grades have been the same since 2026-06-01 12:20Z"

    raw.grades(MANY | {7: 48})
    assert set(await hourly(services, clock, hours=6)) == {SourceState.OK}
    assert await told(services) == [FAILING, RECOVERED]


async def test_a_moments_trouble_does_not_end_it(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(MANY)
    await swept(services)
    await hourly(services, clock, hours=51)
    page, raw.says = raw.says, answer(b"", status="500 Error")
    clock.turn(HOUR)
    await poll_once(services)
    raw.says = page

    await hourly(services, clock, hours=6)

    assert await told(services) == [FAILING]


async def test_a_source_of_which_nothing_was_accepted_for_three_intervals_is_told(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(MANY)
    await swept(services)

    clock.turn(3 * HOUR)
    assert await watch(services) is SourceState.OK
    clock.turn(timedelta(minutes=1))
    assert await watch(services) is SourceState.STALE
    await swept(services)
    assert await watch(services) is SourceState.OK

    assert await told(services) == [FAILING, RECOVERED]


@pytest.mark.parametrize("absent_hours", [48, 49])
async def test_a_token_left_behind_is_stale_and_the_others_are_not(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock, absent_hours: int
) -> None:
    services = await open_listed()
    raw.grades(MANY)
    await swept(services)
    raw.grades({number: grade + 1 for number, grade in MANY.items() if number != 7})
    clock.turn(absent_hours * HOUR)
    await swept(services)

    async with services.store.read() as tx:
        freshness = await read_freshness(tx)

    stale = {
        token
        for token, held in (await ratings(services)).items()
        if freshness.is_stale(held, Kind.TRADER)
    }
    assert stale == ({"token_metrics:7"} if absent_hours > 48 else set())


async def test_of_a_source_that_is_stale_all_grades_are(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(MANY)
    await swept(services)
    clock.turn(4 * HOUR)
    await watch(services)

    async with services.store.read() as tx:
        freshness = await read_freshness(tx)

    held = (await ratings(services)).values()
    assert all(freshness.is_stale(rating, Kind.TRADER) for rating in held)
