"""When each job runs, on arq and in one process alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.telemetry import Step, fail
from workers.jobs import (
    drop_old_rows,
    finish_cycles,
    poll_sources,
    reap_lanes,
    tell_digests,
    watch_sources,
)

Job = Callable[[Services], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table. every, timeout: seconds; every is a divisor of 60 where arq ticks."""

    name: str
    job: Job
    every: float
    timeout: int

    async def run(self, services: Services) -> None:
        """Run the job once; a run that breaks is logged, and is not the end."""
        try:
            async with asyncio.timeout(self.timeout):
                await self.job(services)
        except Exception as error:  # noqa: BLE001 - a process edge: the next run may do better.
            fail(Step.JOB_FAILED, error, job=self.name)


# poll_sources takes one page a run: its pace is the upper bound, the budget decides.
SCHEDULE: Final = (
    Entry("poll_sources", poll_sources, every=1, timeout=120),
    Entry("finish_cycles", finish_cycles, every=5, timeout=300),
    Entry("reap_lanes", reap_lanes, every=10, timeout=60),
    Entry("tell_digests", tell_digests, every=10, timeout=600),
    Entry("watch_sources", watch_sources, every=60, timeout=60),
    Entry("drop_old_rows", drop_old_rows, every=60, timeout=300),
)
