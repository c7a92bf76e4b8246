"""Polling: a page a run, as far as the budget goes, and nothing forgotten by a restart."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ratings import HoldReason
from alerts.pipeline.diff import diff_cycle
from alerts.ports import SourceState
from alerts.store.cycles import CycleState, Origin
from alerts.store.sweeps import (
    SweepState,
    end_sweep,
    keep_page,
    lease_sweep,
    load_pages,
    open_sweep,
)
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import OpenPolling, told
from tests.pipeline.upstream import (
    Upstream,
    cycles_of,
    plan_of,
    poll_once,
    stands,
)


class TestSweeps:
    async def test_a_run_fetches_one_page_and_the_last_one_makes_the_cycle(
        self, services: Services, upstream: Upstream
    ) -> None:
        made = [await poll_once(services) for _ in range(3)]

        assert made[:2] == [[], []]
        (cycle,) = await cycles_of(services)
        assert made[2] == [cycle.id]
        assert (cycle.state, cycle.origin) == (CycleState.RECEIVED, Origin.POLL)
        assert (cycle.complete, cycle.tokens, cycle.rejected) == (True, 249, 0)
        assert cycle.as_of == datetime(2026, 1, 1, tzinfo=UTC)
        assert await upstream.requests() == 3
        assert await stands(services) is SourceState.OK

    async def test_a_slot_is_swept_once(self, services: Services, upstream: Upstream) -> None:
        for _ in range(5):
            await poll_once(services)

        assert await upstream.requests() == 3

    async def test_a_restart_goes_on_at_the_next_page(
        self, open_polling: OpenPolling, database_url: str, upstream: Upstream
    ) -> None:
        for _ in range(3):
            made = await poll_once(await open_polling(database_url))

        assert len(made) == 1
        assert await upstream.requests() == 3

    async def test_two_pollers_at_once_fetch_a_page_once(
        self, open_polling: OpenPolling, database_url: str, upstream: Upstream
    ) -> None:
        pair = [await open_polling(database_url) for _ in range(2)]

        for done in range(1, 4):
            await asyncio.gather(*(poll_once(services) for services in pair))
            while await upstream.requests() < done:
                await poll_once(pair[0])

        (cycle,) = await cycles_of(pair[0])
        assert cycle.tokens == 249
        assert await upstream.requests() == 3

    async def test_the_next_slot_begins_the_next_sweep(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        for _ in range(3):
            await poll_once(timed)
        clock.turn(timedelta(minutes=39))
        assert await poll_once(timed) == []
        assert await upstream.requests() == 3

        clock.turn(timedelta(minutes=1))
        await poll_once(timed)

        assert await upstream.requests() == 4

    async def test_a_page_whose_fetcher_was_lost_is_fetched_again(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await poll_once(timed)
        async with timed.store.write() as tx:
            sweep = await open_sweep(tx, plan_of(timed).source.name, Kind.TRADER)
            assert sweep is not None
            assert await lease_sweep(tx, sweep.id, timedelta(minutes=2))
        await poll_once(timed)
        assert await upstream.requests() == 1

        clock.turn(timedelta(minutes=2))
        await poll_once(timed)

        assert await upstream.requests() == 2

    async def test_a_page_that_comes_after_its_sweep_has_ended_is_dropped(
        self, services: Services
    ) -> None:
        await poll_once(services)
        async with services.store.write() as tx:
            sweep = await open_sweep(tx, plan_of(services).source.name, Kind.TRADER)
            assert sweep is not None
            assert await end_sweep(tx, sweep.id, SweepState.FAILED)

            assert not await keep_page(tx, sweep, b"{}")

            assert await load_pages(tx, sweep.id) == []

    async def test_a_sweep_over_two_dates_is_partial_cycles_the_newest_first(
        self, services: Services, upstream: Upstream
    ) -> None:
        await poll_once(services)
        upstream.day.today = date(2026, 1, 2)
        await poll_once(services)

        made = await poll_once(services)

        by_id = {cycle.id: cycle for cycle in await cycles_of(services)}
        found = [(by_id[one].as_of.day, by_id[one].complete, by_id[one].tokens) for one in made]
        assert found == [(2, False, 149), (1, False, 100)]

    async def test_an_empty_sweep_is_held(self, services: Services, upstream: Upstream) -> None:
        await upstream.switch_on("empty")

        (cycle,) = await poll_once(services)
        record = await diff_cycle(cycle, store=services.store, ladder=services.ladder)

        assert (record.state, record.hold_reason) == (CycleState.HELD, HoldReason.EMPTY)
        assert await told(services) == [EventType.CYCLE_HELD]

    async def test_rows_that_cannot_be_read_are_counted_and_the_rest_goes_on(
        self, services: Services, upstream: Upstream
    ) -> None:
        await upstream.switch_on("out-of-range", tokens=[3375, 3306])

        for _ in range(3):
            await poll_once(services)

        (cycle,) = await cycles_of(services)
        assert (cycle.tokens, cycle.rejected) == (247, 2)


class TestBudget:
    async def test_the_minute_is_a_budget_that_a_restart_does_not_fill(
        self,
        open_polling: OpenPolling,
        timed: Services,
        sqlite_url: str,
        upstream: Upstream,
        clock: TurnedClock,
    ) -> None:
        plan = replace(plan_of(timed), per_minute=1, per_month=100)
        await poll_once(timed, plan=plan)
        again = await open_polling(sqlite_url, clock)

        clock.turn(timedelta(seconds=59))
        await poll_once(again, plan=plan)
        assert await upstream.requests() == 1
        clock.turn(timedelta(seconds=1))
        await poll_once(again, plan=plan)

        assert await upstream.requests() == 2
        assert await stands(again) is SourceState.OK

    async def test_kinds_share_the_budget(self, timed: Services, upstream: Upstream) -> None:
        plan = replace(plan_of(timed), per_minute=1)

        for kind in Kind:
            await poll_once(timed, kind, plan=plan)

        assert await upstream.requests() == 1

    async def test_a_spent_month_is_told_once_and_ends(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        plan = replace(plan_of(timed), per_month=2)
        for _ in range(4):
            await poll_once(timed, plan=plan)
        assert await upstream.requests() == 2
        assert await stands(timed) is SourceState.QUOTA
        assert await told(timed) == [EventType.SOURCE_FAILING]

        clock.turn(timedelta(days=30))
        await poll_once(timed, plan=plan)

        assert await upstream.requests() == 3
        assert await stands(timed) is SourceState.OK
        for _ in range(2):
            await poll_once(timed)
        assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]
