"""A whole sweep by hand: page after page, waiting where the budget asks for it."""

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from alerts.bootstrap import Services
from alerts.cli.frame import Failed
from alerts.domain.events import rfc3339
from alerts.domain.grades import Kind
from alerts.errors import SettingsInvalid
from alerts.pipeline.poll import PAGE_LEASE, Plan, ask_anew, poll, slot_of
from alerts.store.sweeps import SweepRecord, find_state, open_sweep

# How often a sweep that somebody else is at is looked at.
LOOK_AGAIN: Final = timedelta(seconds=0.25)
# A budget by the minute is waited for; one by the month is not.
LONGEST_WAIT: Final = timedelta(minutes=2)


class Sweeping:
    """Polls until what is due is swept. say: told what is going on, line by line."""

    def __init__(self, services: Services, *, say: Callable[[str], None]) -> None:
        if services.plan is None:
            raise SettingsInvalid("GRADEBELL_SOURCE is none: there is nothing to sweep")
        self._plan: Plan = services.plan
        self._store = services.store
        self._clock = services.clock
        self._say = say

    async def sweep(self, kind: Kind) -> list[str]:
        """The cycles of the sweep that is due, for `diff_cycle`; none if none is due.

        Whoever sweeps by hand may have mended what the source was left alone for: it is asked anew.
        Raises Failed where the source, its budget or another process does not let it end.
        """
        await ask_anew(kind, store=self._store, plan=self._plan)
        page, patience = 0, 0.0
        failures = await self._failures(kind)
        while True:
            cycle_ids = await poll(kind, store=self._store, plan=self._plan)
            if cycle_ids:
                return cycle_ids
            sweep, wait = await self._under_way(kind)
            if sweep is None:
                await self._say_idle(kind, was_under_way=page > 0)
                return []
            if sweep.failures > failures:
                await self._fail(kind)
            failures = sweep.failures
            now = self._clock.monotonic()
            if sweep.next_page > page:
                page, patience = sweep.next_page, now + PAGE_LEASE.total_seconds()
                self._say(f"{kind}: page {page}")
            elif wait <= timedelta(0):
                if now > patience:
                    raise Failed(f"{kind}: another process is at this sweep and does not go on")
                wait = LOOK_AGAIN
            await self._wait(kind, wait)

    async def _under_way(self, kind: Kind) -> tuple[SweepRecord | None, timedelta]:
        """The sweep, and how long it must wait for its budget."""
        async with self._store.read() as tx:
            sweep = await open_sweep(tx, self._plan.source.name, kind)
            now = await tx.now()
        return sweep, timedelta(0) if sweep is None else sweep.not_before - now

    async def _failures(self, kind: Kind) -> int:
        """Those of before, which are nothing that was found now."""
        sweep, _ = await self._under_way(kind)
        return 0 if sweep is None else sweep.failures

    async def _wait(self, kind: Kind, wait: timedelta) -> None:
        if wait > LONGEST_WAIT:
            problem = "GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MONTH is spent"
            whole = timedelta(seconds=math.ceil(wait.total_seconds()))
            raise Failed(f"{kind}: {problem}; the next request is in {whole}")
        if wait > timedelta(seconds=1):
            seconds = f"{wait.total_seconds():.0f} s"
            setting = "GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MINUTE"
            self._say(f"{kind}: waiting {seconds} for the next request ({setting})")
        await asyncio.sleep(max(wait.total_seconds(), 0))

    async def _fail(self, kind: Kind) -> None:
        async with self._store.read() as tx:
            known = await find_state(tx, self._plan.source.name, kind)
        told = "it fails" if known is None else f"{known.state}: {known.detail}"
        raise Failed(f"{kind}: {self._plan.source.name} gave no page, {told}")

    async def _say_idle(self, kind: Kind, *, was_under_way: bool) -> None:
        if was_under_way:
            self._say(f"{kind}: another process ended this sweep")
            return
        interval = self._plan.intervals[kind]
        async with self._store.read() as tx:
            upcoming = slot_of(await tx.now(), interval) + interval
        self._say(f"{kind}: nothing is due before {rfc3339(upcoming)}")
