"""Whatever the upstream does: what the service shows of it, and that nobody is told anything false.

Through the real client, over a socket, with the rows of one day: every grade event is false.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.ratings import HoldReason
from alerts.ports import SourceState
from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.roster import BITCOIN, ETHEREUM
from alerts.store.cycles import CycleRecord, CycleState
from tests.pipeline.conftest import TurnedClock
from tests.pipeline.polling.conftest import (
    NAME,
    TOKENS,
    OpenAsking,
    ratings,
    swept_by,
    told,
)
from tests.pipeline.upstream import TM_GRADE, Upstream, cycles_of, open_upstream, state_of

DAY = timedelta(days=1)
ENDLESS = {Effect.SLOW, Effect.HANG}
IMPATIENCE = timedelta(seconds=0.3)
FAILING, RECOVERED = EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED


@dataclass(frozen=True)
class Shows:
    """What is seen of a fault: how the source stands, and what became of its cycle, if any.

    told: the operator, at once. read: rows of the cycle that are grades; graded: with a score.
    """

    state: SourceState = SourceState.OK
    held: HoldReason | None = None
    told: tuple[EventType, ...] = ()
    read: int = TOKENS
    graded: int = TOKENS
    rejected: int = 0
    fault: dict[str, Any] = field(default_factory=dict)


def trouble(state: SourceState, *events: EventType, **fault: object) -> Shows:
    return Shows(state, told=events, fault=fault)


WAITING, BROKEN = SourceState.WAITING, SourceState.FAILING
HELD = (EventType.CYCLE_HELD,)
SOME = {"tokens": [BITCOIN, ETHEREUM]}
TABLE: dict[Effect, Shows] = {
    Effect.TOO_MANY_SECONDS: trouble(WAITING),
    Effect.TOO_MANY_DATE: trouble(WAITING),
    Effect.TOO_MANY: trouble(WAITING),
    Effect.QUOTA: trouble(SourceState.QUOTA, FAILING),
    Effect.UNAUTHORIZED: trouble(SourceState.FORBIDDEN, FAILING),
    Effect.KEY_ROTATED: trouble(SourceState.FORBIDDEN, FAILING),
    Effect.PAYMENT: trouble(SourceState.FORBIDDEN, FAILING),
    Effect.FORBIDDEN: trouble(SourceState.FORBIDDEN, FAILING, endpoint=TM_GRADE),
    Effect.WITHDRAWN: trouble(SourceState.GONE, FAILING, endpoint=TM_GRADE),
    Effect.ERROR: trouble(BROKEN),
    Effect.ERROR_HTML: trouble(BROKEN),
    Effect.UNAVAILABLE: trouble(BROKEN),
    Effect.REDIRECT: trouble(BROKEN),
    Effect.PAGE_HTML: trouble(BROKEN),
    Effect.UNSUCCESSFUL: trouble(BROKEN),
    Effect.SLOW: trouble(BROKEN, seconds=60),
    Effect.HANG: trouble(BROKEN, seconds=60),
    Effect.RESET: trouble(BROKEN),
    Effect.TRUNCATED: trouble(BROKEN),
    Effect.TRUNCATED_GZIP: trouble(BROKEN),
    Effect.WRONG_LENGTH: trouble(BROKEN),
    Effect.HUGE: trouble(BROKEN),
    Effect.HUGE_ROWS: trouble(BROKEN),
    Effect.CLOCK_SKEW: Shows(fault={"skew_seconds": 172_800}),
    Effect.PARTIAL_PAGE: Shows(held=HoldReason.TOO_FEW_TOKENS, told=HELD, read=30, graded=30),
    Effect.PAGE_SHIFT: Shows(),
    Effect.STALE: Shows(),
    Effect.DATE_BACK: Shows(),
    Effect.DATE_GAP: Shows(),
    Effect.FUTURE: Shows(held=HoldReason.EMPTY, told=HELD, read=0, graded=0, rejected=TOKENS),
    Effect.BARE_DATE: Shows(),
    Effect.EMPTY: Shows(held=HoldReason.EMPTY, told=HELD, read=0, graded=0),
    Effect.ABSENT: Shows(read=TOKENS - 2, graded=TOKENS - 2, fault=SOME),
    Effect.DUPLICATE: Shows(),
    Effect.TWIN: Shows(rejected=TOKENS, fault={"points": 1}),
    Effect.NULL_GRADE: Shows(held=HoldReason.NO_SCORES, told=HELD, graded=0),
    Effect.MISSING_FIELD: Shows(held=HoldReason.FIELD_GONE, told=HELD, graded=0),
    Effect.NAN_STRING: Shows(read=TOKENS - 2, graded=TOKENS - 2, rejected=2, fault=SOME),
    Effect.NUMERIC_STRING: Shows(),
    Effect.INT_FOR_FLOAT: Shows(),
    Effect.OUT_OF_RANGE: Shows(read=TOKENS - 2, graded=TOKENS - 2, rejected=2, fault=SOME),
    Effect.ADDED_FIELD: Shows(),
    Effect.LOWER_CASE: Shows(held=HoldReason.FIELD_GONE, told=HELD, graded=0),
    Effect.CASE_TWIN: Shows(),
    Effect.NEW_CLASS: Shows(),
    Effect.NEW_SIGNAL: Shows(),
    Effect.RESTATE: Shows(fault={"points": 1}),
    Effect.FLAP: Shows(fault={"points": 1}),
    Effect.MASS_MOVE: Shows(fault={"points": 1}),
    Effect.RENAME: Shows(fault=SOME),
    Effect.SYMBOL_SWAP: Shows(fault=SOME),
}


def judged(record: CycleRecord) -> tuple[HoldReason | None, int, int, int]:
    return record.hold_reason, record.tokens, record.graded, record.rejected


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """One page, some days after the first."""
    async with open_upstream(size=TOKENS) as running:
        running.day.advance(15)
        yield running


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_fault_shows_as_what_it_is_tells_nobody_a_false_grade_and_passes(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking, effect: Effect
) -> None:
    shows, plan = TABLE[effect], await ask_with()
    await swept_by(timed, plan, clock)
    before = await ratings(timed)
    await upstream.switch_on(effect, **shows.fault)

    spoilt = await ask_with(patience=IMPATIENCE) if effect in ENDLESS else plan
    await swept_by(timed, spoilt, clock)

    record = await state_of(timed, source=NAME)
    assert record.state is shows.state, record.detail
    assert tuple(await told(timed)) == shows.told
    cycles = await cycles_of(timed)
    if shows.state is SourceState.OK:
        held, *counts = judged(cycles[-1])
        assert (held, *counts) == (shows.held, shows.read, shows.graded, shows.rejected)
    assert len(cycles) == (2 if shows.state is SourceState.OK else 1)
    after = await ratings(timed)
    assert {token: rating.rank for token, rating in after.items()} == {
        token: rating.rank for token, rating in before.items()
    }

    await upstream.switch_off()
    clock.turn(DAY)
    await swept_by(timed, plan, clock)

    assert (await state_of(timed, source=NAME)).state is SourceState.OK
    assert (await cycles_of(timed))[-1].state is CycleState.DONE
    recovered = (RECOVERED,) if FAILING in shows.told else ()
    assert tuple(await told(timed)) == shows.told + recovered
