"""How long what is new waits while an endpoint is sent again what it missed."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import pytest

from alerts import telemetry
from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import enable, pause
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.replay import Wanted, replay
from alerts.store.deliveries import list_attempts
from alerts.store.endpoints import list_endpoints
from alerts.store.events import list_events
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.replays import ReplayRecord, find_replay, read_progress
from tests.cli.conftest import KEYS
from tests.cli.processes import running
from tests.receiver import Receiver
from tests.workers.installation import opened, push, subscribe
from workers.inline import run_clock
from workers.worker import work

BACKLOG = 10_000
CHANGES = 100
# Between two changes, at most; drawn anew each time, and from the same dice in both phases.
LONGEST_PAUSE_SECONDS = 0.15
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MODES = {
    "one process, SQLite": ("sqlite_url", "", False),
    "a worker, PostgreSQL, Redis": ("postgresql_url", "redis_url", True),
}


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_new_during_a_replay(
    request: pytest.FixtureRequest, tmp_path: Path, mode: str, quick: bool
) -> None:
    database, with_redis, is_apart = MODES[mode]
    settings = {**KEYS, "DATABASE_URL": request.getfixturevalue(database), "SOURCE": "none"}
    if with_redis:
        settings["REDIS_URL"] = request.getfixturevalue(with_redis)
    backlog = BACKLOG // 10 if quick else BACKLOG
    telemetry.configure(telemetry.LogFormat.JSON, "ERROR")

    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            endpoint_id = await _missed(services, receiver, backlog)
            stop, working = asyncio.Event(), None
            with ExitStack() as stack:
                if is_apart:
                    program = stack.enter_context(running(["worker"], tmp_path, settings))
                    await asyncio.to_thread(program.wait_for, "worker.started")
                else:
                    working = asyncio.create_task(work(services, stop, run_clock))
                await push(services, 0, tokens=1, kind=Kind.FUNDAMENTAL)
                calm = await _changes(services, 1, None)
                record = await replay(
                    endpoint_id,
                    Wanted(since=LONG_AGO),
                    app_id=None,
                    store=services.store,
                    waker=services.waker,
                )
                began = asyncio.get_running_loop().time()
                busy = await _changes(services, 1 + CHANGES, record)
                took = asyncio.get_running_loop().time() - began
                waits = [await _waits(services, days) for days in (calm, busy)]
                stop.set()
                if working is not None:
                    await working

    marks = [quantiles(found, n=20) for found in waits]
    print(  # noqa: T201 - a measurement is there to be read.
        f"\n{mode}: first attempt of a change after p50 {marks[0][9]:.1f} ms, p95 "
        f"{marks[0][18]:.1f} ms ({len(calm)} changes); while {backlog} were sent again, in "
        f"{took:.1f} s, p50 {marks[1][9]:.1f} ms, p95 {marks[1][18]:.1f} ms ({len(busy)} changes): "
        f"p95 {marks[1][18] / marks[0][18]:.2f} times as long"
    )


async def _missed(services: Services, receiver: Receiver, count: int) -> str:
    """An endpoint that was paused while so much was told; its id."""
    await subscribe(services, receiver)
    async with services.store.read() as tx:
        (endpoint,) = await list_endpoints(tx, app_id=HOUSE_APP, before=None, limit=1)
    await pause(endpoint.id, app_id=None, desk=services.desk)
    for day in (0, 1):
        await push(services, day, tokens=count)
    await fan_out_events(store=services.store, waker=services.waker)
    await enable(endpoint.id, app_id=None, desk=services.desk)
    return endpoint.id


async def _changes(services: Services, first: int, during: ReplayRecord | None) -> Sequence[int]:
    """Changes one by one, CHANGES or as many as a replay gives time for; their days."""
    dice = random.Random(1)
    days: list[int] = []
    while len(days) < CHANGES if during is None else await _waits_still(services, during):
        days.append(first + len(days))
        await push(services, days[-1], tokens=1, kind=Kind.FUNDAMENTAL)
        await asyncio.sleep(dice.uniform(0, LONGEST_PAUSE_SECONDS))
    return days


async def _waits_still(services: Services, record: ReplayRecord) -> bool:
    async with services.store.read() as tx:
        (progress,) = await read_progress(tx, [await find_replay(tx, record.id) or record])
    left = record.total - progress.delivered - progress.failed - progress.skipped
    return left > 0


async def _waits(services: Services, days: Sequence[int]) -> list[float]:
    """Milliseconds from the record of each of these days' events to its first attempt."""
    async with services.store.read() as tx:
        found = await list_events(tx, after=0, limit=100_000, app_id=None, kind=Kind.FUNDAMENTAL)
        # The first day's cycle is the baseline, and brings none.
        recorded_at = {found[day - 1].id: found[day - 1].recorded_at for day in days}
        everything = LogFilter(kind=Kind.FUNDAMENTAL)
        log = await list_deliveries(tx, everything, app_id=None, before=None, limit=100_000)
        waits = []
        for delivery in log:
            if delivery.event_id in recorded_at:
                first = (await list_attempts(tx, delivery.id))[0]
                waited = first.started_at - recorded_at[delivery.event_id]
                waits.append(waited.total_seconds() * 1000)
    return waits
