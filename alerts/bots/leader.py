"""The one process that is a bot: two would both answer, so a lease says which has the session."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from alerts.bootstrap import Services
from alerts.errors import SettingsInvalid, StorageFailed
from alerts.pipeline.pools import Pools
from alerts.telemetry import Step, fail


class Session(Protocol):
    """A bot's session with its platform. was_ready: whether it ever came to be ready."""

    was_ready: bool

    async def attend(self) -> None:
        """Be there until the session ends by itself. Raises SettingsInvalid to begin no other."""

    async def close(self) -> None:
        """End it; what is being answered may end, for a few seconds."""


async def lead(
    lease: str,
    begin: Callable[[], Session],
    *,
    services: Services,
    stop: asyncio.Event,
    pauses: tuple[float, float],
) -> None:
    """Have one session after the other until `stop`, whenever the lease is ours.

    lease: its name, which no pool of lanes has. pauses: seconds between two sessions, the first
    and the longest; they double while none comes to be ready.
    Raises SettingsInvalid as a session does.
    """
    holder = Pools(
        {lease: 1.0}, store=services.store, clock=services.clock, lease=services.rules.lease
    )
    first, longest = pauses
    pause = first
    try:
        while not stop.is_set():
            if not await _holds(lease, holder):
                await wait_for(stop, min(first, services.rules.lease.total_seconds() / 3))
                continue
            was_ready = await _attend(lease, holder, begin, services=services, stop=stop)
            pause = first if was_ready else min(2 * pause, longest)
            await wait_for(stop, pause)
    finally:
        await holder.free()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, so long at most."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()


async def _holds(lease: str, holder: Pools) -> bool:
    """Take the lease if it is free, or keep it; whether it is ours."""
    try:
        await holder.keep()
    except StorageFailed as error:
        fail(Step.JOB_FAILED, error, job="bot")
        return False
    return lease in holder.held


async def _attend(
    lease: str,
    holder: Pools,
    begin: Callable[[], Session],
    *,
    services: Services,
    stop: asyncio.Event,
) -> bool:
    """One session, as long as the lease is ours; whether it came to be ready."""
    session = begin()
    attending = asyncio.create_task(session.attend())
    keeping = asyncio.create_task(
        _keep(lease, holder, every_seconds=services.rules.lease.total_seconds() / 3)
    )
    stopping = asyncio.create_task(stop.wait())
    tasks = (attending, keeping, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await session.close()
        # One that was about to connect would try for ever, with a client that is closed.
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        _say(each)
    return session.was_ready


async def _keep(lease: str, holder: Pools, *, every_seconds: float) -> None:
    """Hold on to the lease; ends when it is lost."""
    while lease in holder.held:
        await asyncio.sleep(every_seconds)
        await holder.keep()


def _say(ended: object) -> None:
    if isinstance(ended, SettingsInvalid):
        raise ended
    if isinstance(ended, Exception):
        fail(Step.JOB_FAILED, ended, job="bot")
