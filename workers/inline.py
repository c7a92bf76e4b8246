"""The clock in one process, where there is no Redis."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from alerts.bootstrap import Services
from workers.schedule import SCHEDULE, Entry


async def run_clock(
    services: Services, stop: asyncio.Event, *, schedule: Sequence[Entry] = SCHEDULE
) -> None:
    """Run every entry of the schedule at its pace until `stop`; an entry never overlaps itself."""
    await asyncio.gather(*(_repeat(entry, services, stop) for entry in schedule))


async def _repeat(entry: Entry, services: Services, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await entry.run(services)
        with suppress(TimeoutError):
            async with asyncio.timeout(entry.every):
                await stop.wait()
