"""What a source says of our key holds for all its kinds, over restarts, until it is over."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.pipeline.poll import ask_anew
from alerts.ports import SourceState
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import OpenPolling, told
from tests.pipeline.polling.raw import RawUpstream
from tests.pipeline.upstream import TM_GRADE, Upstream, plan_of, poll_once, stands
from tests.sources.wire import answer

HOUR = timedelta(hours=1)
HALF_HOUR = timedelta(minutes=30)
SPENT = answer(b'{"message": "monthly quota exceeded"}', status="429 Too Many Requests")


async def poll_both(services: Services) -> None:
    for kind in (Kind.TRADER, Kind.FUNDAMENTAL):
        await poll_once(services, kind)


async def test_a_wait_that_was_asked_of_one_kind_is_every_kinds_and_a_restart_keeps_it(
    open_polling: OpenPolling,
    timed: Services,
    sqlite_url: str,
    upstream: Upstream,
    clock: TurnedClock,
) -> None:
    await upstream.switch_on("429-ra-seconds", retry_after_seconds=600, endpoint=TM_GRADE, count=1)
    await poll_both(timed)
    again = await open_polling(sqlite_url, clock)
    clock.turn(timedelta(seconds=599))
    await poll_both(again)
    assert await upstream.requests() == 1
    assert await stands(again, Kind.FUNDAMENTAL) is SourceState.WAITING

    clock.turn(timedelta(seconds=1))
    await poll_both(again)

    assert await upstream.requests() == 3
    assert await stands(again, Kind.FUNDAMENTAL) is SourceState.OK
    assert await told(again) == []


async def test_a_spent_month_upstream_is_asked_about_ever_more_rarely_and_told_once(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await upstream.switch_on("429-quota")
    for _ in range(48):
        await poll_both(timed)
        clock.turn(HALF_HOUR)

    # 0:00, 0:30, 1:30, 3:30, 7:30, and every six hours, with up to half as much of jitter.
    assert 5 <= await upstream.requests() <= 8
    assert await stands(timed, Kind.TRADER) is SourceState.QUOTA
    assert await stands(timed, Kind.FUNDAMENTAL) is SourceState.QUOTA
    assert await told(timed) == [EventType.SOURCE_FAILING]

    await upstream.switch_off()
    clock.turn(timedelta(hours=9))
    for _ in range(3):
        await poll_both(timed)

    assert await stands(timed, Kind.FUNDAMENTAL) is SourceState.OK
    assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]


async def test_a_spent_month_that_both_kinds_hear_of_at_a_time_is_told_once(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed(1)
    raw.together, raw.says = asyncio.Barrier(len(Kind)), SPENT
    await asyncio.gather(*(poll_once(services, kind) for kind in Kind))
    assert {await stands(services, kind) for kind in Kind} == {SourceState.QUOTA}
    assert await told(services) == [EventType.SOURCE_FAILING]

    raw.together = None
    raw.grades({1: 50}, FUNDAMENTAL_GRADE=50)
    clock.turn(HOUR)
    await poll_both(services)

    assert await told(services) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]


async def test_what_is_gone_for_one_kind_hides_no_spent_month(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    await upstream.switch_on("withdrawn", endpoint=TM_GRADE, count=1)
    await poll_once(timed, Kind.TRADER)
    await upstream.switch_on("429-quota")
    clock.turn(HOUR)
    await poll_once(timed, Kind.TRADER)
    clock.turn(2 * HOUR)
    await poll_once(timed, Kind.FUNDAMENTAL)

    assert {await stands(timed, kind) for kind in Kind} == {SourceState.QUOTA}
    assert await told(timed) == [EventType.SOURCE_FAILING] * 2


@pytest.mark.parametrize("effect", ["429-quota", "401", "withdrawn"])
async def test_whoever_mended_it_need_not_wait(
    timed: Services, upstream: Upstream, effect: str
) -> None:
    await upstream.switch_on(effect)
    await poll_once(timed)
    await upstream.switch_off()
    await poll_once(timed)
    assert await upstream.requests() == 1

    await ask_anew(Kind.TRADER, store=timed.store, plan=plan_of(timed))
    await poll_once(timed)

    assert await upstream.requests() == 2
    assert await stands(timed) is SourceState.OK
    for _ in range(2):
        await poll_once(timed)
    assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]


async def test_a_month_of_our_own_that_is_spent_is_told_once_for_all_kinds(
    timed: Services, upstream: Upstream, clock: TurnedClock
) -> None:
    plan = replace(plan_of(timed), per_month=2)
    for _ in range(3):
        for kind in Kind:
            await poll_once(timed, kind, plan=plan)
        clock.turn(timedelta(minutes=1))
    assert await told(timed) == [EventType.SOURCE_FAILING]
    assert {await stands(timed, kind) for kind in Kind} == {SourceState.QUOTA}

    clock.turn(timedelta(days=30))
    for kind in Kind:
        await poll_once(timed, kind, plan=plan)

    assert await upstream.requests() == 4
    assert {await stands(timed, kind) for kind in Kind} == {SourceState.OK}
    assert await told(timed) == [EventType.SOURCE_FAILING]

    for _ in range(3):
        for kind in Kind:
            await poll_once(timed, kind)
    # A whole sweep says that it is over, and once for all kinds.
    assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]
