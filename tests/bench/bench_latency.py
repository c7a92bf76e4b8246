"""How long a change waits for its first attempt: from its record to the start of the send."""

import asyncio
import random
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import pytest

from alerts import telemetry
from alerts.bootstrap import Services
from alerts.store.deliveries import list_attempts
from alerts.store.events import list_events
from alerts.store.log import LogFilter, list_deliveries
from tests.cli.conftest import KEYS
from tests.cli.processes import running
from tests.receiver import Receiver
from tests.workers.installation import opened, push, subscribe, wait_for_states
from workers.inline import run_clock
from workers.worker import work

CHANGES = 200
# Changes come one by one, at no particular moment: nothing is awake because of the one before.
LONGEST_PAUSE_SECONDS = 0.6
MODES = {
    "one process, SQLite": ("sqlite_url", "", False),
    "a worker, PostgreSQL, Redis": ("postgresql_url", "redis_url", True),
    "a worker, PostgreSQL, no Redis": ("postgresql_url", "", True),
}


@pytest.mark.parametrize("mode", MODES)
async def test_latency_of_the_first_attempt(
    request: pytest.FixtureRequest, tmp_path: Path, mode: str, quick: bool
) -> None:
    database, with_redis, is_apart = MODES[mode]
    settings = {**KEYS, "DATABASE_URL": request.getfixturevalue(database), "SOURCE": "none"}
    if with_redis:
        settings["REDIS_URL"] = request.getfixturevalue(with_redis)
    changes = CHANGES // 10 if quick else CHANGES
    telemetry.configure(telemetry.LogFormat.JSON, "ERROR")
    dice = random.Random(1)

    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver)
            stop, working = asyncio.Event(), None
            with ExitStack() as stack:
                if is_apart:
                    program = stack.enter_context(running(["worker"], tmp_path, settings))
                    await asyncio.to_thread(program.wait_for, "worker.started")
                else:
                    working = asyncio.create_task(work(services, stop, run_clock))
                for day in range(changes + 1):
                    await push(services, day, tokens=1)
                    await asyncio.sleep(dice.uniform(0, LONGEST_PAUSE_SECONDS))
                await wait_for_states(services, {"delivered": changes})
                waits = await _waits(services)
                stop.set()
                if working is not None:
                    await working

    marks = quantiles(waits, n=20)
    print(  # noqa: T201 - a measurement is there to be read.
        f"\n{mode}: {len(waits)} changes, first attempt after p50 {marks[9]:.1f} ms, "
        f"p95 {marks[18]:.1f} ms, at most {max(waits):.1f} ms"
    )


async def _waits(services: Services) -> list[float]:
    """Milliseconds from each event's record to its first attempt."""
    waits = []
    async with services.store.read() as tx:
        events = await list_events(tx, after=0, limit=CHANGES, app_id=None)
        recorded_at = {event.id: event.recorded_at for event in events}
        everything = LogFilter()
        found = await list_deliveries(tx, everything, app_id=None, before=None, limit=CHANGES)
        for delivery in found:
            first = (await list_attempts(tx, delivery.id))[0]
            waited = first.started_at - recorded_at[delivery.event_id]
            waits.append(waited.total_seconds() * 1000)
    return waits
