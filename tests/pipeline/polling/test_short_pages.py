"""A short page in the midst of a sweep is not its end; one that brings nothing new is."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.store.cycles import CycleRecord, CycleState
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import OpenPolling, told
from tests.pipeline.polling.raw import RawUpstream
from tests.pipeline.upstream import Upstream, diffed, open_upstream, poll_once

HOUR = timedelta(hours=1)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Four pages, the last of 49."""
    async with open_upstream(size=350) as running:
        yield running


async def sweep(services: Services, clock: TurnedClock) -> CycleRecord:
    """The next slot's, page after page."""
    clock.turn(HOUR)
    for _ in range(9):
        if made := await poll_once(services):
            return await diffed(services, made[0])
    raise AssertionError("the sweep did not end")


async def test_a_page_that_came_short_does_not_end_the_sweep(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await sweep(timed, clock)
    await upstream.switch_on("partial-page", page=2)

    record = await sweep(timed, clock)

    # Of 349 the 50 are missing that it lacked; what comes after it is seen.
    assert (record.state, record.tokens) == (CycleState.DONE, 299)
    assert await upstream.requests() == 4 + 5
    assert await told(timed) == []


async def test_tokens_that_are_really_gone_cost_one_request_once(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await sweep(timed, clock)
    await upstream.switch_on("absent", tokens=[3375, 3306])

    found = [(await sweep(timed, clock)).tokens for _ in range(2)]

    assert found == [347, 347]
    assert await upstream.requests() == 4 + 5 + 4


async def test_a_token_that_slipped_between_pages_is_one_row_less_and_no_news(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await sweep(timed, clock)
    await upstream.switch_on("page-shift")

    record = await sweep(timed, clock)

    assert (record.state, record.tokens, record.rejected) == (CycleState.DONE, 348, 0)
    assert await told(timed) == []


async def test_an_upstream_that_does_not_heed_the_page_is_not_asked_for_ever(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(dict.fromkeys(range(10), 50))
    await sweep(services, clock)
    raw.grades(dict.fromkeys(range(9), 50))

    record = await sweep(services, clock)

    assert (record.state, record.tokens) == (CycleState.DONE, 9)
    assert len(raw.requests) == 1 + 2
