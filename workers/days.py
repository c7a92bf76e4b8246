"""The sandbox's days in `gradebell up`: one passes, and is swept, and the next one waits."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.grades import Kind, SourceName
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.poll import Plan, poll
from alerts.ports import Call
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.roster import LAST_DAY
from alerts.store.engine import Store
from alerts.store.watermarks import read_watermark
from workers.schedule import SCHEDULE, Entry

SANDBOX: Final = SourceName("sandbox")
# The shortest poll slot there is: each sweep of a day has one of its own.
SLOT: Final = timedelta(seconds=1)
# A day whose sweep does not end in this time, for faults were switched on, passes without it.
SWEEP_SECONDS: Final = 20
LOOK_AGAIN_SECONDS: Final = 0.05
TIMEOUT_SECONDS: Final = 120


class Days:
    """Turns the sandbox's calendar and sweeps each day once. calendar: moved by nobody else."""

    def __init__(self, calendar: VirtualClock) -> None:
        self._calendar = calendar
        self._has_baseline = False

    async def begin(self, store: Store) -> None:
        """Go on where the newest accepted cycle was, or at the calendar's first day."""
        async with store.read() as tx:
            marks = [await read_watermark(tx, SANDBOX, kind) for kind in Kind]
        reached = [mark.as_of.date() for mark in marks if mark.as_of is not None]
        if reached:
            self._calendar.today = max(reached)
            self._has_baseline = True

    def schedule(self, day_seconds: float) -> tuple[Entry, ...]:
        """The schedule with a day for each poll. day_seconds: real seconds a day lasts."""
        others = [entry for entry in SCHEDULE if entry.name != "poll_sources"]
        return (*others, Entry("pass_day", self.pass_day, day_seconds, TIMEOUT_SECONDS))

    async def pass_day(self, services: Services) -> None:
        """Let a day pass and sweep it; the very first time two, for one alone changes nothing."""
        if services.plan is None:
            return
        plan = replace(services.plan, intervals=dict.fromkeys(Kind, SLOT))
        if not self._has_baseline:
            await self._sweep(services, plan)
            self._has_baseline = True
        if self._calendar.today < LAST_DAY:
            self._calendar.advance(1)
            await self._sweep(services, plan)

    async def _sweep(self, services: Services, plan: Plan) -> None:
        for kind in Kind:
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    for cycle_id in await _swept(kind, services.store, plan):
                        await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
                        await services.waker.wake(Call.CYCLES)


async def _swept(kind: Kind, store: Store, plan: Plan) -> list[str]:
    """The cycles of the next whole sweep. A slot that is swept already passes in a moment."""
    while True:
        cycle_ids = await poll(kind, store=store, plan=plan)
        if cycle_ids:
            return cycle_ids
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
