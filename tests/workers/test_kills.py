"""Workers killed dead at every point of the way: nothing is lost, nothing is stuck.

Only what was on the wire when a worker died is sent again, under the same `webhook-id`.
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.bootstrap import Services
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.recover import LANES_REPAIRED
from alerts.store.counters import read_counter
from tests.cli.conftest import KEYS
from tests.cli.processes import running
from tests.receiver import Receiver
from tests.workers.doomed import POINTS
from tests.workers.installation import opened, push, subscribe, take_in, wait_for_states
from workers.inline import run_clock
from workers.worker import work

LEASE_SECONDS = 2
ENDPOINTS = 3
TOKENS = 4
OWED = ENDPOINTS * TOKENS
MAY_REPEAT = {"after the answer", "mid settle"}
COMMAND = (sys.executable, "-m", "tests.workers.doomed")


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_worker_loses_nothing(database_url: str, tmp_path: Path, point: str) -> None:
    settings = {
        **KEYS,
        "DATABASE_URL": database_url,
        "SOURCE": "none",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SEND_DEADLINE_SECONDS": "1",
    }
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver, ENDPOINTS)
            await bring_to(point, services)
            with running([point], tmp_path, settings, command=COMMAND) as doomed:
                code = await asyncio.to_thread(doomed.process.wait, 30)

            async with another_worker(services):
                await wait_for_states(
                    services, {"delivered": OWED}, within_seconds=LEASE_SECONDS + 10
                )
            async with services.store.read() as tx:
                repaired = await read_counter(tx, LANES_REPAIRED)

    copies = Counter((request.path, request.headers["webhook-id"]) for request in receiver.requests)
    repeated = [pair for pair, count in copies.items() if count > 1]
    assert code == -signal.SIGKILL, doomed.output
    assert len(copies) == OWED
    assert max(copies.values()) <= 2
    assert bool(repeated) == (point in MAY_REPEAT)
    assert repaired == 0


async def bring_to(point: str, services: Services) -> None:
    """Do all that comes before the point, so that it is the doomed worker's first business."""
    await push(services, 0, tokens=TOKENS)
    if point == "after transaction 1":
        await take_in(services, 1, tokens=TOKENS)
        return
    await push(services, 1, tokens=TOKENS)
    if point != "mid fan-out":
        await fan_out_events(store=services.store, waker=services.waker)


@asynccontextmanager
async def another_worker(services: Services) -> AsyncIterator[None]:
    """One that lives, in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(work(services, stop, run_clock))
    try:
        yield
    finally:
        stop.set()
        await working
