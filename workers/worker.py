"""One worker: the loops and the clock, from start to drain."""

import asyncio
from collections.abc import Awaitable, Callable

from alerts.bootstrap import Services, forget_startup
from alerts.cli.frame import opened
from alerts.settings import Settings
from workers.arq import run_arq_clock
from workers.inline import run_clock
from workers.loops import Loops

# How long jobs under way may go on once the worker is asked to end. They are cut off then: each
# of them goes on where it was, in whichever worker runs it next.
GRACE_SECONDS = 5.0

Clock = Callable[[Services, asyncio.Event], Awaitable[None]]


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop`, then finish what is on the wire; at most a send's deadline and a bit.

    Raises SettingsInvalid, StorageFailed, and whatever breaks a loop.
    """
    async with opened(settings) as services:
        await work(services, stop, run_arq_clock if settings.redis_url else run_clock)


async def work(services: Services, stop: asyncio.Event, clock: Clock) -> None:
    """Run the loops and a clock until `stop`; a loop that breaks ends the work and is raised."""
    forget_startup()
    loops = Loops(services)
    loops.start()
    ticking = asyncio.ensure_future(clock(services, stop))
    stopping = asyncio.create_task(stop.wait())
    broken = asyncio.create_task(loops.ended())
    try:
        await asyncio.wait({stopping, ticking, broken}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        for task in (stopping, broken):
            task.cancel()
        await asyncio.gather(loops.stop(), _end(ticking))


async def _end(ticking: "asyncio.Future[None]") -> None:
    await asyncio.wait({ticking}, timeout=GRACE_SECONDS)
    if not ticking.done():
        ticking.cancel()
        await asyncio.wait({ticking})
    if not ticking.cancelled():
        ticking.result()
