"""Poll: one page of one sweep a run, as far as the budget goes; the last page makes cycles."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from alerts.domain.grades import Kind
from alerts.domain.ids import SWEEP
from alerts.domain.readings import Reading
from alerts.pipeline.receive import receive
from alerts.pipeline.standing import out_of_budget, recovered, skew_seconds, troubled
from alerts.ports import FetchedPage, GradeSource, Trouble
from alerts.store.budgets import Period, go_on, spend
from alerts.store.cycles import Origin
from alerts.store.engine import Store, Transaction
from alerts.store.sweeps import (
    SweepRecord,
    SweepState,
    begin_sweep,
    end_sweep,
    keep_page,
    last_page_at,
    last_sweep_as_of,
    lease_sweep,
    load_pages,
    open_sweep,
    postpone_sweep,
)
from alerts.store.watermarks import read_watermark
from alerts.telemetry import Step, emit

# A page whose fetcher was lost is fetched again after this long.
PAGE_LEASE: Final = timedelta(minutes=2)
# A sweep that outlasts its slot goes on while its pages come no further apart than this, for so
# long: 500 pages of each kind, the most there are, at one request a minute.
LONGEST_PAUSE: Final = timedelta(minutes=10)
LONGEST_SWEEP: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one source is polled. intervals: between the sweeps of each kind.

    per_minute, per_month: requests; None is no limit. jitter: 0 up to 1, new at each call.
    """

    source: GradeSource
    intervals: dict[Kind, timedelta]
    per_minute: int | None
    per_month: int | None
    jitter: Callable[[], float]

    @property
    def limits(self) -> list[tuple[Period, timedelta, int]]:
        """The budgets there are: (period, its length, requests)."""
        both = ((Period.MINUTE, MINUTE, self.per_minute), (Period.MONTH, MONTH, self.per_month))
        return [(period, length, limit) for period, length, limit in both if limit is not None]


async def poll(kind: Kind, *, store: Store, plan: Plan) -> list[str]:
    """Fetch the next page of this kind, if one is due and there is budget for it.

    Returns the ids of the cycles that a last page made, newest date first, for `diff_cycle`.
    A restart goes on at the next page.
    """
    parts = await _give_way(kind, store=store, plan=plan)
    async with store.write() as tx:
        sweep = await _due_sweep(tx, kind, plan)
        if sweep is None or not await lease_sweep(tx, sweep.id, PAGE_LEASE):
            return parts
        wait = await spend(tx, plan.source.name, plan.limits)
        if wait is not None:
            await out_of_budget(tx, sweep, wait)
            return parts
    fetched = await plan.source.fetch(kind, sweep.next_page)
    if isinstance(fetched, Trouble):
        async with store.write() as tx:
            await troubled(tx, sweep, fetched, jitter=plan.jitter())
        return parts
    return parts + await _kept(sweep, fetched, store=store, plan=plan)


async def ask_anew(kind: Kind, *, store: Store, plan: Plan) -> None:
    """Wait no longer for a source in trouble: whoever mended it says so. Budgets still hold."""
    async with store.write() as tx:
        sweep = await open_sweep(tx, plan.source.name, kind)
        if sweep is not None and sweep.failures:
            failures, now = sweep.failures, await tx.now()
            await postpone_sweep(tx, sweep.id, failures=failures, not_before=now)
        await go_on(tx, plan.source.name)


async def _give_way(kind: Kind, *, store: Store, plan: Plan) -> list[str]:
    """End a sweep that has come to a halt when the next slot has come; it is told as a part.

    A wait that upstream asked for, and the failures in a row, are its successor's.
    """
    async with store.read() as tx:
        sweep = await open_sweep(tx, plan.source.name, kind)
        slot = slot_of(await tx.now(), plan.intervals[kind])
        if sweep is None or slot <= sweep.as_of or await _is_steady(tx, sweep):
            return []
        pages = await load_pages(tx, sweep.id)
    read = partial(plan.source.read, kind, pages, undated=sweep.as_of)
    reading = await asyncio.to_thread(read)
    async with store.write() as tx:
        if not await end_sweep(tx, sweep.id, SweepState.FAILED):
            return []
        if sweep.failures:
            await begin_sweep(
                tx,
                await tx.new_id(SWEEP),
                source=sweep.source,
                kind=kind,
                as_of=slot,
                failures=sweep.failures,
                not_before=sweep.not_before,
            )
        return await _receive(tx, sweep, reading, complete=False)


async def _is_steady(tx: Transaction, sweep: SweepRecord) -> bool:
    """Whether a sweep may outlast its slot: at one request a minute 60 pages take over an hour.

    What has paused may not: its first pages and its last would be of different days.
    """
    now = await tx.now()
    heard_at = await last_page_at(tx, sweep.id) or sweep.started_at
    return (
        not sweep.failures
        and now - heard_at <= LONGEST_PAUSE
        and now - sweep.started_at <= LONGEST_SWEEP
    )


async def _due_sweep(tx: Transaction, kind: Kind, plan: Plan) -> SweepRecord | None:
    """The sweep to go on with; a new one when its slot has come."""
    name = plan.source.name
    slot = slot_of(await tx.now(), plan.intervals[kind])
    sweep = await open_sweep(tx, name, kind)
    if sweep is not None:
        return sweep
    last = await last_sweep_as_of(tx, name, kind)
    if last is not None and slot <= last:
        return None
    await begin_sweep(tx, await tx.new_id(SWEEP), source=name, kind=kind, as_of=slot)
    return await open_sweep(tx, name, kind)


def slot_of(now: datetime, interval: timedelta) -> datetime:
    """A moment rounded down to its poll slot; slots are counted from 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return now - (now - epoch) % interval


async def _kept(sweep: SweepRecord, page: FetchedPage, *, store: Store, plan: Plan) -> list[str]:
    reading = await _whole(sweep, page, store=store, plan=plan) if page.is_last else None
    async with store.write() as tx:
        if not await keep_page(tx, sweep, page.body):
            return []
        await recovered(tx, sweep, page.aside, is_whole=reading is not None)
        cycles: list[str] = []
        if reading is not None and await end_sweep(tx, sweep.id, SweepState.DONE):
            cycles = await _receive(tx, sweep, reading, complete=True)
    emit(
        Step.SOURCE_POLLED,
        source=sweep.source,
        kind=sweep.kind.value,
        sweep=sweep.id,
        page=sweep.next_page,
        rows=page.rows,
        last=reading is not None,
        request_id=page.aside.request_id,
        clock_skew_seconds=skew_seconds(page.aside),
    )
    return cycles


async def _whole(
    sweep: SweepRecord, page: FetchedPage, *, store: Store, plan: Plan
) -> Reading | None:
    """What the whole sweep says; None where it has perhaps not ended, and another page is due.

    A page that came short in the midst of a sweep looks like the last one. So where fewer tokens
    were listed than graded before, a page without any tokens that are new has to end the sweep.
    """
    async with store.read() as tx:
        earlier = await load_pages(tx, sweep.id)
        mark = await read_watermark(tx, sweep.source, sweep.kind)
    read = partial(plan.source.read, sweep.kind, undated=sweep.as_of)
    reading = await asyncio.to_thread(read, [*earlier, page.body])
    if reading.asked is not None or reading.listed >= (mark.reference or 0):
        return reading
    before = await asyncio.to_thread(read, earlier)
    return None if reading.listed > before.listed else reading


async def _receive(
    tx: Transaction, sweep: SweepRecord, reading: Reading, *, complete: bool
) -> list[str]:
    """A sweep that brought nothing at all is an empty cycle: seen, held, and not believed."""
    if complete and not reading.grades:
        reading = replace(reading, grades={sweep.as_of: ()})
    return await receive(
        tx,
        reading,
        source=sweep.source,
        kind=sweep.kind,
        complete=complete,
        origin=Origin.POLL,
    )
