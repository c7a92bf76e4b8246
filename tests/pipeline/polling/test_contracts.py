"""A contract that upstream changes: said once, and again only after it was over."""

import json
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.ratings import HoldReason
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.release import discard
from alerts.store.cycles import CycleRecord, CycleState
from tests.pipeline.conftest import TurnedClock, feed
from tests.pipeline.polling.conftest import OpenPolling, swept, told
from tests.pipeline.polling.raw import RawUpstream
from tests.pipeline.upstream import Upstream, cycles_of, poll_once
from tests.sources.wire import answer, page

HOUR = timedelta(hours=1)
RENAMED = page({"TOKEN_ID": 1, "tm_grade": 50}, {"TOKEN_ID": 2, "tm_grade": 60})
ALL_RENAMED = page({"token_id": 1, "tm_grade": 50}, {"token_id": 2, "tm_grade": 60})


async def hourly(services: Services, clock: TurnedClock, *, times: int) -> list[CycleRecord]:
    found = []
    for _ in range(times):
        clock.turn(HOUR)
        found.append(await swept(services))
    return found


@pytest.mark.parametrize("body", [RENAMED, ALL_RENAMED], ids=["the grade", "every field"])
async def test_rows_without_their_grade_are_held_and_the_operator_told_once_by_its_name(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock, body: bytes
) -> None:
    services = await open_listed()
    raw.grades({1: 50, 2: 60})
    await swept(services)
    raw.says = answer(body)

    held = await hourly(services, clock, times=3)

    assert {one.state for one in held} == {CycleState.HELD}
    assert {one.hold_reason for one in held} == {HoldReason.FIELD_GONE}
    (event,) = await feed(services)
    assert event.type is EventType.CYCLE_HELD
    said = json.loads(event.body)["data"]
    assert (said["reason"], said["field"]) == ("field_gone", "TM_GRADE")


async def test_what_was_over_is_told_when_it_comes_again(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades({1: 50, 2: 60})
    await swept(services)
    good, bad = raw.says, answer(RENAMED)

    for says, times in ((bad, 2), (good, 1), (bad, 2), (answer(page()), 2), (bad, 1)):
        raw.says = says
        await hourly(services, clock, times=times)

    said = [json.loads(event.body)["data"]["reason"] for event in await feed(services)]
    assert said == ["field_gone", "field_gone", "empty", "field_gone"]


async def test_whoever_discards_what_was_held_is_not_told_of_the_next_one(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.says = answer(RENAMED)
    (first,) = await hourly(services, clock, times=1)

    await discard(first.id, store=services.store)
    await hourly(services, clock, times=1)

    assert await told(services) == [EventType.CYCLE_HELD]


async def test_a_grade_that_is_missing_on_some_rows_is_unknown_there(
    open_listed: OpenPolling, raw: RawUpstream, clock: TurnedClock
) -> None:
    services = await open_listed()
    raw.grades(dict.fromkeys(range(1, 11), 50))
    await swept(services)
    rows = [{"TOKEN_ID": number, "TM_GRADE": 50} for number in range(1, 10)]
    raw.says = answer(page(*rows, {"TOKEN_ID": 10, "tm_grade": 1}))

    (record,) = await hourly(services, clock, times=1)

    assert (record.state, record.graded) == (CycleState.DONE, 9)
    assert await told(services) == []


@pytest.mark.parametrize("effect", ["schema-rename", "missing-field"])
async def test_a_field_gone_from_several_pages_is_one_contract(
    services: Services, upstream: Upstream, effect: str
) -> None:
    await upstream.switch_on(effect)
    for _ in range(3):
        made = await poll_once(services)

    record = await diff_cycle(made[0], store=services.store, ladder=services.ladder)

    assert record.hold_reason is HoldReason.FIELD_GONE
    assert len(await cycles_of(services)) == 1
    assert await told(services) == [EventType.CYCLE_HELD]
