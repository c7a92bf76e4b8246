"""Workers that are poisoned, whose clock is wrong, or who are asked to end in the midst of it."""

import asyncio
import signal
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.pipeline.fan_out import fan_out_cycles
from alerts.store.tables import attempts, deliveries
from tests.chaos.scene import (
    IS_LONG,
    PATIENCE_SECONDS,
    SlowReceiver,
    all_ended,
    assert_nothing_is_lost,
    copies_of,
    end_in_order,
    interruptions,
    leased,
    settings_of,
    tell,
    worker,
)
from tests.receiver import Receiver, Reply
from tests.workers.installation import opened, push, states, subscribe

HOUR = 3600
QUICKLY_MISSED = {"LEASE_SECONDS": "1", "SEND_DEADLINE_SECONDS": "0.5"}


async def ids_of_deliveries(services: Services) -> list[str]:
    async with services.store.read() as tx:
        found = await tx.connection.execute(select(deliveries.c.id).order_by(deliveries.c.sequence))
        return list(found.scalars())


async def furthest_off(services: Services) -> timedelta:
    """The most between when an attempt was due and when it began, either way."""
    query = select(attempts.c.scheduled_for, attempts.c.started_at)
    async with services.store.read() as tx:
        rows = (await tx.connection.execute(query)).all()
    off: list[timedelta] = [abs(started - due) for due, started in rows]
    return max(off)


async def test_a_delivery_that_kills_its_workers_takes_no_other_along(
    sqlite_url: str, tmp_path: Path
) -> None:
    deaths = 0
    async with Receiver() as receiver:
        settings = settings_of(sqlite_url, receiver, QUICKLY_MISSED)
        async with opened(settings) as services:
            await subscribe(services, receiver, 5)
            for day in range(2):
                await push(services, day, tokens=8)
            await fan_out_cycles(store=services.store, waker=services.waker)
            poison, *others = await ids_of_deliveries(services)

            while "dead" not in await states(services):
                with worker(settings, tmp_path, "poisoned", poison) as program:
                    while (  # noqa: ASYNC110 - another process's doing.
                        program.process.poll() is None and "dead" not in await states(services)
                    ):
                        await asyncio.sleep(0.05)
                    if program.process.poll() == -signal.SIGKILL:
                        deaths += 1
            with worker(settings, tmp_path, "poisoned", poison):
                await all_ended(services)
            cut_off = await interruptions(services)

            assert await states(services) == {"delivered": len(others), "dead": 1}
    tell("poison", deaths=deaths, others_cut_off=cut_off.total() - cut_off[poison])
    assert deaths == cut_off[poison] == 4
    assert set(copies_of(receiver)) == set(others)


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_a_clock_that_is_off_makes_nothing_early_late_or_lost(
    postgresql_url: str, tmp_path: Path, off: int
) -> None:
    async with Receiver() as receiver:
        # The second try of one path is due two seconds after the first has failed.
        receiver.script("/0", Reply(500), Reply())
        settings = settings_of(postgresql_url, receiver, {"RETRY_SCHEDULE_SECONDS": "0,2"})
        async with opened(settings) as services:
            await subscribe(services, receiver, 3)
            await push(services, 0, tokens=1)
            with worker(settings, tmp_path, "skewed", str(off)) as wrong:
                await push(services, 1, tokens=1)
                await all_ended(services)
                alone = len(receiver.requests)
                with worker(settings, tmp_path) as right:
                    await asyncio.to_thread(right.wait_for, "worker.started")
                    for day in range(2, 5):
                        await push(services, day, tokens=20)
                        await all_ended(services)
                    codes = [await end_in_order(one, 20) for one in (wrong, right)]
            copies, cut_off = copies_of(receiver), await interruptions(services)

            assert await states(services) == {"delivered": 3 + 3 + 2 * 60}
            # The log goes by the database's clock, whoever sent.
            assert await furthest_off(services) < timedelta(seconds=HOUR / 2)
            assert await leased(services) == (0, 0)
    first, second = receiver.at("/0")[:2]
    signed = [int(one.headers["webhook-timestamp"]) - time.time() for one in receiver.requests]
    assert second.arrived - first.arrived >= 2
    assert codes == [0, 0]
    assert cut_off.total() == 0
    assert sorted(copies.values())[-2:] == [1, 2]
    # What a receiver sees: the wrong second. One that goes by the book refuses it, and it is
    # tried again by the schedule, by whoever has the lane then.
    assert all(abs(one - off) < HOUR / 2 for one in signed[:alone])


async def test_a_worker_that_is_asked_to_end_finishes_what_is_on_the_wire(
    postgresql_url: str, redis_url: str, tmp_path: Path
) -> None:
    deadline = {"LEASE_SECONDS": "45", "SEND_DEADLINE_SECONDS": "15"}
    async with SlowReceiver() as receiver:
        # In the long form one endpoint never answers: the end waits for the whole deadline.
        receiver.script("/0", Reply(held=asyncio.Event()) if IS_LONG else Reply())
        settings = settings_of(postgresql_url, receiver, {**deadline, "REDIS_URL": redis_url})
        async with opened(settings) as services:
            await subscribe(services, receiver, 8)
            await push(services, 0, tokens=60)
            with ExitStack() as stack:
                workers = [stack.enter_context(worker(settings, tmp_path)) for _ in range(2)]
                for one in workers:
                    await asyncio.to_thread(one.wait_for, "worker.started")
                await push(services, 1, tokens=60)
                await receiver.wait_for(40, within_seconds=PATIENCE_SECONDS)
                began = time.monotonic()
                codes = await asyncio.gather(*(end_in_order(one, 20) for one in workers))
                took = time.monotonic() - began

            left = await states(services)
            assert codes == [0, 0]
            assert await leased(services) == (0, 0)
            assert left.keys() <= {"pending", "delivered"}
            assert len(set(copies_of(receiver))) - (4 if IS_LONG else 0) == left["delivered"]
            if not IS_LONG:
                with worker(settings, tmp_path):
                    await all_ended(services)
                assert await assert_nothing_is_lost(services, receiver, owed=480) == 0
                assert (await interruptions(services)).total() == 0
    tell("SIGTERM", seconds=round(took, 1), delivered=left["delivered"], left=left.get("pending"))
