"""Polling in trouble: how the source stands, who is told of it, and when it is asked again."""

from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.ports import SourceState
from alerts.store.cycles import CycleState
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import told
from tests.pipeline.upstream import (
    TM_GRADE,
    Upstream,
    cycles_of,
    poll_once,
    stands,
    state_of,
)

HOUR = timedelta(hours=1)


class TestTrouble:
    @pytest.mark.parametrize(
        ("effect", "state"),
        [
            ("429-ra-seconds", SourceState.WAITING),
            ("429-quota", SourceState.QUOTA),
            ("401", SourceState.FORBIDDEN),
            ("withdrawn", SourceState.GONE),
            ("500", SourceState.FAILING),
            ("truncated", SourceState.FAILING),
        ],
    )
    async def test_a_trouble_is_how_the_source_stands(
        self, timed: Services, upstream: Upstream, effect: str, state: SourceState
    ) -> None:
        await upstream.switch_on(effect)

        assert await poll_once(timed) == []

        record = await state_of(timed)
        assert record.state is state
        assert record.detail is not None
        assert TM_GRADE in record.detail
        assert await cycles_of(timed) == []

    @pytest.mark.parametrize("effect", ["withdrawn", "401", "429-quota"])
    async def test_an_enduring_trouble_is_told_at_once_and_once(
        self, timed: Services, upstream: Upstream, clock: TurnedClock, effect: str
    ) -> None:
        await upstream.switch_on(effect)
        for _ in range(3):
            await poll_once(timed)
            clock.turn(HOUR)
        assert await told(timed) == [EventType.SOURCE_FAILING]

        await upstream.switch_off()
        for _ in range(3):
            await poll_once(timed)

        assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]

    async def test_a_passing_trouble_is_told_at_the_third_failure_in_a_row(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("500", count=5)
        seen = []
        for _ in range(8):
            await poll_once(timed)
            seen.append(len(await told(timed)))
            clock.turn(timedelta(minutes=3))

        # Its end is told with the last page: until then it is not known to be over.
        assert seen == [0, 0, 1, 1, 1, 1, 1, 2]
        assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]

    async def test_a_trouble_of_a_later_page_is_told_once_however_often_the_first_one_comes(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("500", page=2)
        for _ in range(30):
            await poll_once(timed)
            clock.turn(timedelta(minutes=5))
        assert await told(timed) == [EventType.SOURCE_FAILING]

        await upstream.switch_off()
        clock.turn(HOUR)
        for _ in range(4):
            await poll_once(timed)

        assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]

    async def test_failures_in_a_row_are_waited_for_longer_and_longer(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("500")
        await poll_once(timed)

        for failures, wait in enumerate((5, 10, 20, 40), start=1):
            clock.turn(timedelta(seconds=wait - 0.1))
            await poll_once(timed)
            assert await upstream.requests() == failures
            clock.turn(timedelta(seconds=wait / 2 + 0.1))
            await poll_once(timed)
            assert await upstream.requests() == failures + 1

    async def test_upstream_is_left_alone_for_as_long_as_it_asked(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("429-ra-seconds", retry_after_seconds=600, count=1)
        await poll_once(timed)

        clock.turn(timedelta(seconds=599))
        await poll_once(timed)
        assert await upstream.requests() == 1
        clock.turn(timedelta(seconds=1))
        await poll_once(timed)

        assert await upstream.requests() == 2

    async def test_upstream_is_left_alone_for_as_long_as_it_asked_whatever_slots_pass(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("429-ra-seconds", retry_after_seconds=6 * 3600, count=1, page=2)
        seen = []
        for _ in range(7):
            for _ in range(3):
                await poll_once(timed)
            seen.append(await upstream.requests())
            clock.turn(HOUR)

        assert seen == [2, 2, 2, 2, 2, 2, 5]
        assert sorted(one.complete for one in await cycles_of(timed)) == [False, True]

    async def test_failures_in_a_row_are_counted_on_in_the_next_slot(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("500")
        seen = []
        for _ in range(3):
            await poll_once(timed)
            seen.append(len(await told(timed)))
            clock.turn(HOUR)

        assert seen == [0, 0, 1]

    async def test_one_kind_may_be_gone_while_the_other_goes_on(
        self, services: Services, upstream: Upstream
    ) -> None:
        await upstream.switch_on("withdrawn", endpoint=TM_GRADE)

        for _ in range(3):
            for kind in Kind:
                await poll_once(services, kind)

        assert await stands(services, Kind.TRADER) is SourceState.GONE
        assert await stands(services, Kind.FUNDAMENTAL) is SourceState.OK
        (cycle,) = await cycles_of(services)
        assert cycle.kind is Kind.FUNDAMENTAL

    async def test_a_sweep_in_trouble_gives_way_to_the_next_slot_as_a_part(
        self, timed: Services, upstream: Upstream, clock: TurnedClock
    ) -> None:
        await upstream.switch_on("500", page=2)
        await poll_once(timed)
        await poll_once(timed)

        clock.turn(HOUR)
        await poll_once(timed)

        (cycle,) = await cycles_of(timed)
        assert (cycle.complete, cycle.tokens, cycle.state) == (False, 100, CycleState.RECEIVED)
        await upstream.switch_off()
        for _ in range(2):
            made = await poll_once(timed)
        assert len(made) == 1
        assert sorted(one.complete for one in await cycles_of(timed)) == [False, True]
