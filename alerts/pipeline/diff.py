"""Diff: a received cycle is sealed and compared, and what changed is durable, in transaction 1."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from alerts.domain import changes
from alerts.domain.changes import Change, Diff
from alerts.domain.events import CycleView, Draft, rfc3339
from alerts.domain.grades import Cycle, Kind, TokenId
from alerts.domain.ids import CYCLE
from alerts.domain.mass import mass_move
from alerts.domain.payloads import grade_event, rebased_event
from alerts.domain.ratings import BandPolicy, Rating, graded_count, seal
from alerts.domain.readings import RejectedRow
from alerts.errors import NotFound, StorageFailed
from alerts.pipeline.crossings import find_crossings
from alerts.pipeline.fan_out import fan_out_quickly, log_fanned_out
from alerts.pipeline.hold import hold
from alerts.pipeline.restate import Case, TokenPage, restate, value
from alerts.pipeline.windows import find_moves
from alerts.ports import Call, Waker
from alerts.store.cycle_rows import drop_rows, load_cycle
from alerts.store.cycles import (
    CycleRecord,
    CycleState,
    Origin,
    find_cycle,
    finish_diff,
    insert_cycle,
    move_cycle,
)
from alerts.store.engine import Store, Transaction
from alerts.store.events import append
from alerts.store.ratings import insert_history, load_ratings, other_scores, save_ratings
from alerts.store.tokens import former_symbols, load_labels, save_tokens
from alerts.store.watermarks import Watermark, take_watermark, write_watermark
from alerts.telemetry import Step, emit, fail

# Above this many rows the comparison leaves the event loop alone.
THREAD_ROWS: Final = 2000
# For so long it is said what a token was called before.
RENAME_SHOWN: Final = timedelta(days=30)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ladder:
    """How grades are judged and shown. token_page: (token, symbol, name) -> URL or None."""

    policies: Mapping[Kind, BandPolicy]
    token_page: TokenPage


async def diff_cycle(cycle_id: str, *, store: Store, ladder: Ladder) -> CycleRecord:
    """Take a cycle from received (or released) to diffed or held; the cycle as it is then.

    Harmless to repeat, and with any number of processes at once: one of them does it. Cycles of one
    source and kind wait for each other.
    """
    async with store.read() as tx:
        record = await find_cycle(tx, cycle_id)
        if record is None or record.state not in {CycleState.RECEIVED, CycleState.SEALED}:
            return _found(record, cycle_id)
        cycle = await load_cycle(tx, record)
        if cycle is None:  # another process has diffed it since the statement before
            return _found(await find_cycle(tx, cycle_id), cycle_id)
    async with store.write(queue=_queue(cycle)) as tx:
        mark = await take_watermark(tx, cycle.source, cycle.kind)
        expected = (record.state,)
        is_ours = await move_cycle(tx, cycle_id, expected=expected, to=CycleState.SEALED)
        if is_ours:
            await _transaction_one(tx, record, cycle, mark=mark, ladder=ladder)
        done = _found(await find_cycle(tx, cycle_id), cycle_id)
        if is_ours and done.state is not CycleState.HELD:
            await drop_rows(tx, cycle_id)
    if is_ours:
        _log(done)
    return done


async def diff_at_once(
    cycle: Cycle,
    *,
    origin: Origin,
    rejected: Sequence[RejectedRow],
    store: Store,
    ladder: Ladder,
    waker: Waker,
) -> CycleRecord:
    """Receive and diff a cycle in one transaction, for whoever waits for the answer.

    And fan it out as far as that is quickly done. Where writers take turns anyway that is the same
    transaction; elsewhere that would keep the counter of events locked, and whoever settles locks
    it after lanes. The cycle is as it was diffed.
    """
    chunk = None
    async with store.write(queue=_queue(cycle)) as tx:
        mark = await take_watermark(tx, cycle.source, cycle.kind)
        cycle_id = await tx.new_id(CYCLE)
        record = await insert_cycle(tx, cycle_id, cycle, origin=origin, rejected=rejected)
        await _transaction_one(tx, record, cycle, mark=mark, ladder=ladder)
        done = _found(await find_cycle(tx, cycle_id), cycle_id)
        if store.has_one_writer:
            chunk = await fan_out_quickly(tx, done)
    _log(done)
    has_news = done.state is CycleState.DIFFED
    if has_news and not store.has_one_writer:
        try:
            async with store.write() as tx:
                chunk = await fan_out_quickly(tx, done)
        except StorageFailed as error:
            # What changed is durable: a worker fans it out.
            fail(Step.JOB_FAILED, error, job="fan_out")
    if chunk is not None:
        log_fanned_out(cycle_id, chunk)
        await waker.wake(Call.LANES)
    if has_news and not (chunk is not None and chunk.is_last):
        await waker.wake(Call.CYCLES)
    return done


def _queue(cycle: Cycle) -> str:
    """Of those who wait for the watermark of a source and kind."""
    return f"watermark {cycle.source} {cycle.kind}"


async def _transaction_one(
    tx: Transaction, record: CycleRecord, cycle: Cycle, *, mark: Watermark, ladder: Ladder
) -> None:
    is_released = record.state is CycleState.SEALED
    # What was asked for in all can be compared with what was asked for in part no more than that.
    reference = mark.reference if cycle.asked == mark.asked else None
    held = None if is_released else seal(cycle, reference=reference)
    if held is not None:
        await hold(tx, record, cycle, reason=held, reference=reference)
        return
    case = Case(
        record=record,
        cycle=cycle,
        view=CycleView(record.id, cycle.source, cycle.kind, cycle.as_of),
        mark=mark,
        policy=ladder.policies[cycle.kind],
        token_page=ladder.token_page,
        is_history=is_released and mark.as_of is not None and cycle.as_of <= mark.as_of,
    )
    ratings, drafts = await _ratings_on_ladder(tx, case)
    rebased = dict(ratings) if drafts else {}
    found = await _off_loop(case, len(ratings), partial(_diff, case, ratings))
    is_news = mark.as_of is None or cycle.as_of >= mark.as_of
    await save_tokens(tx, cycle.source, cycle.grades, is_news=is_news)
    ruled = await find_crossings(tx, cycle, found, ratings=ratings)
    ruled += await find_moves(tx, cycle, found, ratings=ratings, margin=case.policy.margin)
    drafts += await _draft(tx, case, (*found.changes, *ruled))
    drafts += await restate(tx, case, found.late)
    held_now = rebased | {rating.token: rating for rating in found.ratings}
    await save_ratings(tx, held_now.values(), source=cycle.source, kind=cycle.kind)
    await _write_observed(tx, case, found)
    mark = _moved(case, is_released=is_released, news_at=await tx.now() if found.observed else None)
    await write_watermark(tx, record.id, cycle, mark=mark)
    events = await append(tx, drafts, cycle_id=record.id)
    await finish_diff(tx, record.id, events=len(events))


async def _ratings_on_ladder(
    tx: Transaction, case: Case
) -> tuple[dict[TokenId, Rating], list[Draft]]:
    """The ratings to compare with; all of them put on a new ladder, if it is new, and that told."""
    cycle, policy, old_version = case.cycle, case.policy, case.mark.band_version
    if old_version in (None, policy.version):
        graded = [grade.token for grade in cycle.grades]
        asked = graded if cycle.asked is None else list({*graded, *cycle.asked})
        wanted = None if cycle.complete and cycle.asked is None else asked
        return await load_ratings(tx, cycle.source, cycle.kind, wanted=wanted), []
    held = await load_ratings(tx, cycle.source, cycle.kind, wanted=None)
    ratings = {rating.token: rating for rating in changes.rebase(held.values(), policy)}
    draft = rebased_event(
        case.view, old_version=old_version or 0, policy=policy, ratings=len(ratings)
    )
    return ratings, [draft]


def _diff(case: Case, ratings: Mapping[TokenId, Rating]) -> Diff:
    return changes.diff(
        ratings,
        case.cycle,
        case.policy,
        first_as_of=case.mark.first_as_of,
        newest_as_of=case.mark.as_of,
        asked_before=case.mark.asked,
        as_history=case.is_history,
    )


async def _draft(tx: Transaction, case: Case, found: Sequence[Change]) -> list[Draft]:
    if not found:
        return []
    changed = [change.token for change in found]
    former = await former_symbols(tx, changed, since=await tx.now() - RENAME_SHOWN)
    others = await other_scores(tx, case.cycle.kind, changed)
    labels = {grade.token: (grade.symbol, grade.name) for grade in case.cycle.grades}
    absent = [token for token in changed if token not in labels]
    if absent:
        labels |= await load_labels(tx, case.cycle.source, wanted=absent)

    # A part may be of a few tokens; the kind has as many as its last whole cycle.
    tokens = max(graded_count(case.cycle), case.mark.reference or 0)
    mass = mass_move((change.type for change in found), tokens=tokens)
    view = replace(case.view, mass_move=mass)

    def drafted(change: Change) -> Draft:
        token = change.token
        shown = case.token(token, *labels[token], formerly=former.get(token))
        other = others.get(token)
        return grade_event(change, token=shown, cycle=view, policy=case.policy, other_score=other)

    def work() -> list[Draft]:
        return [drafted(change) for change in found]

    return await _off_loop(case, len(found), work)


async def _off_loop(case: Case, size: int, work: Callable[[], T]) -> T:
    """Do what may take long in a thread, what may not right here."""
    if max(len(case.cycle.grades), size) > THREAD_ROWS:
        return await asyncio.to_thread(work)
    return work()


async def _write_observed(tx: Transaction, case: Case, found: Diff) -> None:
    revisions = {rating.token: rating.revision for rating in found.ratings}
    lines = [(grade.token, revisions[grade.token], value(grade)) for grade in found.observed]
    await insert_history(
        tx, lines, cycle_id=case.record.id, kind=case.cycle.kind, as_of=case.cycle.as_of
    )


def _moved(case: Case, *, is_released: bool, news_at: datetime | None) -> Watermark:
    """The watermark once this cycle is accepted. news_at: now, if anything in it is news."""
    cycle, mark = case.cycle, case.mark
    graded = graded_count(cycle)
    is_newest = mark.as_of is None or cycle.as_of >= mark.as_of
    is_reference = cycle.complete and (is_newest or is_released)
    return replace(
        mark,
        as_of=cycle.as_of if is_newest and graded else mark.as_of,
        first_as_of=mark.first_as_of or (cycle.as_of if graded else None),
        reference=graded if is_reference else mark.reference,
        band_version=case.policy.version,
        asked=cycle.asked if is_reference or cycle.asked is not None else mark.asked,
        news_at=news_at or mark.news_at,
    )


def _found(record: CycleRecord | None, cycle_id: str) -> CycleRecord:
    if record is None:
        raise NotFound("cycle", cycle_id)
    return record


def _log(record: CycleRecord) -> None:
    emit(
        Step.CYCLE_DIFFED,
        cycle=record.id,
        source=record.source,
        kind=record.kind.value,
        as_of=rfc3339(record.as_of),
        state=record.state.value,
        held=record.hold_reason,
        tokens=record.tokens,
        rejected=record.rejected,
        events=record.events,
    )
