"""The clock in one process, where there is no Redis."""

import asyncio
from contextlib import suppress

from alerts.bootstrap import Services
from alerts.telemetry import Step, fail
from workers.schedule import SCHEDULE, Entry


async def run_clock(services: Services, stop: asyncio.Event) -> None:
    """Run every entry of the schedule at its pace until `stop`; an entry never overlaps itself."""
    await asyncio.gather(*(_repeat(entry, services, stop) for entry in SCHEDULE))


async def _repeat(entry: Entry, services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with asyncio.timeout(entry.timeout):
                await entry.job(services)
        except Exception as error:  # noqa: BLE001 - a process edge: one bad run is not the end.
            fail(Step.JOB_FAILED, error, job=entry.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(entry.every):
                await stop.wait()
