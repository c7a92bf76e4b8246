"""Standing: how a source stands after each request, when it is asked again, and who is told."""

from datetime import timedelta
from typing import Final

from alerts.domain.events import Draft, EventType
from alerts.domain.ids import HOUSE_APP
from alerts.domain.notices import source_event
from alerts.pipeline.tell import tell_app, to_app
from alerts.ports import Aside, SourceState, Trouble
from alerts.store.budgets import Wait, pause
from alerts.store.engine import Transaction
from alerts.store.events import find_event
from alerts.store.sweeps import (
    SourceRecord,
    SweepRecord,
    find_state,
    list_states,
    postpone_sweep,
    set_announced,
    set_state,
)
from alerts.telemetry import Step, emit

# Waits after failures in a row: doubling from the first to the last.
FIRST_BACKOFF: Final = timedelta(seconds=5)
LAST_BACKOFF: Final = timedelta(minutes=30)
# What is spent for a month is asked for four times a day: refusals may be counted, too.
QUOTA_BACKOFF: Final = timedelta(hours=6)
# Failures in a row before the operator is told; other troubles are told at once.
TOLD_AFTER: Final = 3
# A budget that ends sooner is a pace, and nothing to speak of.
PACE: Final = timedelta(minutes=1)
# These do not pass by themselves within minutes.
_ENDURING: Final = frozenset({SourceState.GONE, SourceState.FORBIDDEN, SourceState.QUOTA})
# These are about our key: the source's other kind would be told the same.
_OF_THE_KEY: Final = frozenset({SourceState.WAITING, SourceState.QUOTA})


async def recovered(tx: Transaction, sweep: SweepRecord, aside: Aside, *, is_whole: bool) -> None:
    """A page came. is_whole: it was the last; a trouble that stops at a later page is not over.

    A source that is stale is so until it brings news, not pages.
    """
    known = await _stale(tx, sweep)
    record = await set_state(
        tx,
        sweep.source,
        sweep.kind,
        state=SourceState.OK if known is None else known.state,
        detail=None if known is None else known.detail,
        clock_skew_seconds=skew_seconds(aside),
    )
    if known is None and is_whole:
        await announce(tx, record, EventType.SOURCE_RECOVERED)


async def troubled(tx: Transaction, sweep: SweepRecord, trouble: Trouble, *, jitter: float) -> None:
    """A page did not come. jitter: 0 up to 1."""
    failures = sweep.failures + 1
    wait = _wait(trouble, failures, jitter=jitter)
    again_at = await tx.now() + wait
    await postpone_sweep(tx, sweep.id, failures=failures, not_before=again_at)
    if trouble.state in _OF_THE_KEY:
        await pause(tx, sweep.source, again_at)
    is_told = trouble.state in _ENDURING or failures >= TOLD_AFTER
    known = await _stale(tx, sweep)
    record = await set_state(
        tx,
        sweep.source,
        sweep.kind,
        # A moment's trouble is less than what is known already.
        state=trouble.state if is_told or known is None else known.state,
        detail=trouble.detail if is_told or known is None else known.detail,
        clock_skew_seconds=skew_seconds(trouble.aside),
    )
    if is_told and not await _is_told_by_another(tx, record):
        await announce(tx, record, EventType.SOURCE_FAILING)
    emit(
        Step.SOURCE_TROUBLED,
        source=sweep.source,
        kind=sweep.kind.value,
        sweep=sweep.id,
        page=sweep.next_page,
        state=trouble.state.value,
        detail=trouble.detail,
        wait_seconds=round(wait.total_seconds()),
        request_id=trouble.aside.request_id,
        clock_skew_seconds=skew_seconds(trouble.aside),
    )


async def out_of_budget(tx: Transaction, sweep: SweepRecord, wait: Wait) -> None:
    """Nothing may be asked until then: our own budget is spent, or the source has said so.

    Both are about all kinds, and the operator is told by the first one that comes to know.
    """
    await postpone_sweep(tx, sweep.id, failures=sweep.failures, not_before=wait.until)
    if wait.is_asked:
        said = await _said_of_the_key(tx, sweep)
        if said is not None:
            await set_state(tx, sweep.source, sweep.kind, state=said.state, detail=said.detail)
    elif wait.until - await tx.now() > PACE:
        detail = f"this month's requests are spent; the next one is at {wait.until:%Y-%m-%d %H:%M}Z"
        record = await set_state(
            tx, sweep.source, sweep.kind, state=SourceState.QUOTA, detail=detail
        )
        if not await _is_told_by_another(tx, record):
            await announce(tx, record, EventType.SOURCE_FAILING)


async def announce(tx: Transaction, record: SourceRecord, event_type: EventType) -> None:
    """Tell the operator of a trouble once, and of its end once."""
    is_failing = event_type is EventType.SOURCE_FAILING
    if not await set_announced(tx, record.source, record.kind, announced=is_failing):
        return
    await tell_app(tx, _notice(record, event_type))


def skew_seconds(aside: Aside) -> int | None:
    """How far the source's clock is ahead of ours; it is told to the second."""
    return None if aside.clock_skew is None else round(aside.clock_skew.total_seconds())


def _wait(trouble: Trouble, failures: int, *, jitter: float) -> timedelta:
    """Until the next request: as long as was asked, and no shorter than the failures say."""
    is_quota = trouble.state is SourceState.QUOTA
    first = LAST_BACKOFF if is_quota else FIRST_BACKOFF
    last = QUOTA_BACKOFF if is_quota else LAST_BACKOFF
    wait = min(first * (1 << min(failures - 1, 12)), last) * (1 + jitter / 2)
    if trouble.state in _ENDURING:
        wait = max(wait, LAST_BACKOFF)
    return max(wait, trouble.retry_after or wait)


async def _stale(tx: Transaction, sweep: SweepRecord) -> SourceRecord | None:
    """How the kind stands, if it is stale."""
    known = await find_state(tx, sweep.source, sweep.kind)
    return known if known is not None and known.state is SourceState.STALE else None


def _notice(record: SourceRecord, event_type: EventType) -> Draft:
    return source_event(
        event_type,
        source=record.source,
        kind=record.kind,
        at=record.since,
        audience=to_app(HOUSE_APP),
        state=record.state.value,
        detail=record.detail,
    )


async def _said_of_the_key(
    tx: Transaction, known: SweepRecord | SourceRecord
) -> SourceRecord | None:
    """How another kind of the source stands, that was told to wait."""
    for record in await list_states(tx):
        if record.source == known.source and record.kind is not known.kind:
            return record if record.state in _OF_THE_KEY else None
    return None


async def _is_told_by_another(tx: Transaction, record: SourceRecord) -> bool:
    """Whether the operator has the same word about our key from another kind of the source.

    Both may have been under way when the first of them was refused.
    """
    said = await _said_of_the_key(tx, record)
    if said is None or said.state is not record.state:
        return False
    notice = _notice(said, EventType.SOURCE_FAILING)
    return await find_event(tx, notice.id, app_id=HOUSE_APP) is not None
