"""The clock on arq: one tick, one run, over all workers; nothing of ours is left in Redis."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.store.cycles import list_cycles
from tests.cli.conftest import KEYS
from tests.workers.installation import opened, take_in
from workers.arq import arq_worker, run_arq_clock
from workers.schedule import SCHEDULE


@pytest.fixture
def settings(postgresql_url: str, redis_url: str) -> dict[str, str]:
    return {
        **KEYS,
        "DATABASE_URL": postgresql_url,
        "REDIS_URL": redis_url,
        "SOURCE": "none",
    }


@asynccontextmanager
async def clocks(services: Services, count: int) -> AsyncIterator[None]:
    """So many clocks on one Redis."""
    stop = asyncio.Event()
    running = [asyncio.create_task(run_arq_clock(services, stop)) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def test_every_entry_of_the_schedule_is_a_cron_job_with_a_timeout_of_its_own(
    settings: Mapping[str, str],
) -> None:
    async with opened(settings) as services:
        worker = arq_worker(services, ArqRedis())

    jobs = {job.name: job for job in worker.cron_jobs}
    assert sorted(jobs) == sorted(f"cron:{entry.name}" for entry in SCHEDULE)
    for entry in SCHEDULE:
        job = jobs[f"cron:{entry.name}"]
        assert job.timeout_s is not None
        assert entry.timeout < job.timeout_s < entry.timeout + 60
        assert job.second == set(range(0, 60, int(entry.every)))
        assert (job.job_id, job.keep_result_s, job.max_tries) == (None, 0, 1)


async def test_the_clock_finishes_what_a_lost_process_left(settings: Mapping[str, str]) -> None:
    async with opened(settings) as services:
        await take_in(services, 0)

        async with clocks(services, 2), asyncio.timeout(20):
            while not await is_done(services):  # noqa: ASYNC110 - another process's doing.
                await asyncio.sleep(0.05)

        left = await keys_left(settings["REDIS_URL"])
    assert [key for key in left if key.startswith("arq:result:")] == []
    assert left <= {key for key in left if key.startswith(("arq:", "gradebell:clock"))}


async def is_done(services: Services) -> bool:
    async with services.store.read() as tx:
        found = await list_cycles(tx, before=None, limit=1, kind=Kind.TRADER)
    return found[0].state == "done"


async def keys_left(redis_url: str) -> set[str]:
    async with Redis.from_url(redis_url) as redis:
        return {key.decode() for key in await redis.keys("*")}
