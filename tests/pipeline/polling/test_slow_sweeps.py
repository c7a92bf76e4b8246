"""Sweeps that outlast their slot: one that goes on steadily is whole, one that paused is a part."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.store.sweeps import lease_sweep, open_sweep
from alerts.store.tables import sweeps
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.upstream import Upstream, cycles_of, open_upstream, plan_of, poll_once

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Its rows say no day, so that the slot is their date."""
    async with open_upstream(dated=False) as running:
        yield running


async def parts(services: Services) -> list[tuple[datetime, bool, int]]:
    return sorted((one.as_of, one.complete, one.tokens) for one in await cycles_of(services))


async def test_a_sweep_that_goes_on_steadily_outlasts_its_slot(
    timed: Services, clock: TurnedClock
) -> None:
    clock.turn(timedelta(minutes=35))
    for _ in range(3):
        await poll_once(timed)
        clock.turn(9 * MINUTE)

    assert await parts(timed) == [(NOON, True, 249)]


@pytest.mark.parametrize("pause", [timedelta(hours=1), timedelta(days=10)], ids=str)
async def test_what_a_sweep_read_before_it_paused_is_a_part_and_the_next_one_begins_anew(
    timed: Services, clock: TurnedClock, pause: timedelta
) -> None:
    for _ in range(2):
        await poll_once(timed)

    clock.turn(pause)
    for _ in range(3):
        await poll_once(timed)

    assert await parts(timed) == [(NOON, False, 200), (NOON + pause, True, 249)]


async def test_a_sweep_that_the_months_budget_stopped_is_told_in_the_next_slot(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    plan = replace(plan_of(timed), per_month=2)
    for _ in range(3):
        await poll_once(timed, plan=plan)

    clock.turn(timedelta(hours=1))
    await poll_once(timed, plan=plan)
    assert await parts(timed) == [(NOON, False, 200)]
    clock.turn(timedelta(days=30))
    for _ in range(3):
        await poll_once(timed)

    again = NOON + timedelta(days=30, hours=1)
    assert await parts(timed) == [(NOON, False, 200), (again, True, 249)]
    assert await upstream.requests() == 5


async def test_no_sweep_goes_on_for_longer_than_a_day(timed: Services, clock: TurnedClock) -> None:
    for _ in range(2):
        await poll_once(timed)
    async with timed.store.write() as tx:
        begun = await tx.now() - timedelta(days=1)
        await tx.connection.execute(update(sweeps).values(started_at=begun, as_of=begun))

    clock.turn(MINUTE)
    await poll_once(timed)

    ((_, complete, tokens),) = await parts(timed)
    assert (complete, tokens) == (False, 200)


async def test_a_sweep_gives_way_only_when_none_of_its_pages_is_being_fetched(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await upstream.switch_on("500", page=2)
    for _ in range(2):
        await poll_once(timed)
    clock.turn(timedelta(minutes=39))
    async with timed.store.write() as tx:
        sweep = await open_sweep(tx, plan_of(timed).source.name, Kind.TRADER)
        assert sweep is not None
        assert await lease_sweep(tx, sweep.id, 2 * MINUTE)

    clock.turn(MINUTE)
    await poll_once(timed)
    assert await parts(timed) == []
    clock.turn(MINUTE)
    await poll_once(timed)

    assert await parts(timed) == [(NOON, False, 100)]
