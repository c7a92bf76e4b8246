"""Watch lists: one request, and the absence of others means nothing."""

from datetime import timedelta

import httpx

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, SourceName, TokenId
from alerts.domain.ratings import HoldReason, Rating
from alerts.store.cycles import CycleState
from alerts.store.ratings import load_ratings
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import OpenPolling, swept, told
from tests.pipeline.polling.raw import RawUpstream

HOUR = timedelta(hours=1)
HALF_A_DAY = timedelta(hours=12)
NAME = SourceName("token_metrics")


async def ratings(services: Services) -> dict[TokenId, Rating]:
    async with services.store.read() as tx:
        return await load_ratings(tx, NAME, Kind.TRADER, wanted=None)


async def test_a_hundred_tokens_are_one_request_a_sweep(
    open_listed: OpenPolling, raw: RawUpstream
) -> None:
    services = await open_listed(*range(1, 101))
    raw.grades(dict.fromkeys(range(1, 101), 50))

    record = await swept(services)

    assert (record.state, record.tokens, record.complete) == (CycleState.DONE, 100, True)
    (request,) = raw.requests
    asked = httpx.URL(request.split()[1]).params
    assert asked["token_id"].split(",") == [str(number) for number in range(1, 101)]


async def test_the_absence_of_tokens_that_were_not_asked_for_means_nothing(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    raw.grades(dict.fromkeys(range(1, 20), 50))
    await swept(await open_listed())
    services = await open_listed(1, 2)
    raw.grades({1: 50, 2: 95})

    for _ in range(8):
        clock.turn(HALF_A_DAY)
        record = await swept(services)
        assert record.state is not CycleState.HELD

    assert await told(services) == [EventType.UPGRADED]
    held = await ratings(services)
    assert len(held) == 19
    assert not any(rating.withdrawn or rating.absent_cycles for rating in held.values())


async def test_the_absence_of_a_token_that_was_asked_for_is_counted(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed(*range(1, 11))
    raw.grades(dict.fromkeys(range(1, 11), 50))
    await swept(services)
    raw.grades(dict.fromkeys(range(1, 10), 50))

    for _ in range(7):
        clock.turn(HALF_A_DAY)
        await swept(services)

    assert await told(services) == [EventType.WITHDRAWN]


async def test_a_token_that_joins_the_list_is_no_news_and_one_that_upstream_begins_with_is(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    raw.grades({1: 50})
    await swept(await open_listed(1, 3))
    clock.turn(HOUR)
    raw.grades({1: 50, 2: 95, 3: 60})

    services = await open_listed(1, 2, 3)
    await swept(services)

    assert await told(services) == [EventType.INITIATED]
    assert set(await ratings(services)) == {f"{NAME}:{number}" for number in (1, 2, 3)}


async def test_all_tokens_after_a_list_are_no_news_either(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    raw.grades({1: 50})
    await swept(await open_listed(1))
    services = await open_listed()

    raw.grades(dict.fromkeys(range(1, 50), 50))
    clock.turn(HOUR)
    await swept(services)
    raw.grades(dict.fromkeys(range(1, 51), 50))
    clock.turn(HOUR)
    await swept(services)

    assert await told(services) == [EventType.INITIATED]
    assert len(await ratings(services)) == 50


async def test_a_list_of_which_too_little_came_is_held(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed(*range(1, 11))
    raw.grades(dict.fromkeys(range(1, 11), 50))
    await swept(services)
    raw.grades(dict.fromkeys(range(1, 8), 50))
    clock.turn(HOUR)

    record = await swept(services)

    assert (record.state, record.hold_reason) == (CycleState.HELD, HoldReason.TOO_FEW_TOKENS)
