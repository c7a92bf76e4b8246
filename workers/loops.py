"""The loops of a worker: events are fanned out, replays worked off, lanes dispatched."""

import asyncio
from contextlib import suppress
from typing import Final

from alerts.bootstrap import Services
from alerts.errors import StorageFailed
from alerts.pipeline.dispatch import LONGEST_SLEEP_SECONDS
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.replay import work_off
from alerts.pipeline.settler import STORAGE_PAUSE_SECONDS
from alerts.ports import Call
from alerts.telemetry import Step, emit, fail

# Between two looks for what of a replay returns next; it listens to no call, for few have to do
# with a replay, and what is new comes first.
REPLAY_SECONDS: Final = 0.25


class Loops:
    """Started when a worker starts, drained when it stops."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, and return at once."""
        self._tasks = [
            asyncio.create_task(self._services.dispatcher().run(self._stop)),
            asyncio.create_task(self._fan_out()),
            asyncio.create_task(self._work_off()),
        ]
        emit(Step.WORKER_STARTED, worker=self._services.rules.worker)

    async def ended(self) -> None:
        """Return when a loop ends: it was stopped, or it broke, which `stop` then raises."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Finish what is in flight, free the rest, and return when that is done."""
        self._stop.set()
        self._services.painter.stop()
        await asyncio.gather(*self._tasks)
        emit(Step.WORKER_STOPPED, worker=self._services.rules.worker)

    async def _fan_out(self) -> None:
        services = self._services
        look = asyncio.Event()
        listening = asyncio.create_task(self._listen(look))
        try:
            while not self._stop.is_set():
                look.clear()
                try:
                    await fan_out_events(store=services.store, waker=services.waker)
                except StorageFailed as error:
                    fail(Step.JOB_FAILED, error, job="fan_out")
                    await asyncio.sleep(STORAGE_PAUSE_SECONDS)
                await look.wait()
        finally:
            listening.cancel()

    async def _work_off(self) -> None:
        services = self._services
        while not self._stop.is_set():
            try:
                await work_off(store=services.store, waker=services.waker)
            except StorageFailed as error:
                fail(Step.JOB_FAILED, error, job="replay")
            with suppress(TimeoutError):
                async with asyncio.timeout(REPLAY_SECONDS):
                    await self._stop.wait()

    async def _listen(self, look: asyncio.Event) -> None:
        """Listen all the time: a call that comes while we fan out means that there is more."""
        while True:
            await self._services.waker.wait(Call.CYCLES, LONGEST_SLEEP_SECONDS)
            look.set()
