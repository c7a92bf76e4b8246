"""The clock on arq, where there is Redis: each tick of the schedule runs once over all workers.

Nothing here is a queue of record. A tick that is lost comes again, one that runs twice does no
harm, and while Redis is away each worker keeps time by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from arq.connections import ArqRedis
from arq.cron import CronJob, cron
from arq.worker import Worker
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from alerts.bootstrap import Services
from alerts.telemetry import Step, emit
from workers.inline import run_clock
from workers.schedule import SCHEDULE, Entry

QUEUE: Final = "gradebell:clock"
SERVICES: Final = "services"
# A Redis that takes longer to answer counts as away.
REDIS_SECONDS: Final = 5.0
# How often a Redis that is away is asked whether it is back.
RETRY_SECONDS: Final = 2.0
# What arq allows a job beyond its own timeout, which logs and ends it in order.
EXTRA_SECONDS: Final = 5


async def run_arq_clock(services: Services, stop: asyncio.Event) -> None:
    """Run the schedule until `stop`, shared with all workers on the same Redis.

    Jobs under way at `stop` are waited for; cancelled, they are cut off.
    """
    while not stop.is_set():
        try:
            await _run_worker(services, stop)
        except (RedisError, OSError) as error:
            emit(Step.REDIS_LOST, problem=type(error).__name__)
            await _keep_time(services, stop)


def arq_worker(services: Services, redis: ArqRedis) -> Worker:
    """An arq worker that runs the schedule and nothing else.

    A tick's job id is arq's own, its name and time: that is what makes it run once. It carries
    no payload and leaves no result.
    """
    return Worker(
        redis_pool=redis,
        queue_name=QUEUE,
        cron_jobs=[_cron(entry) for entry in SCHEDULE],
        ctx={SERVICES: services},
        handle_signals=False,
        keep_result=0,
        max_tries=1,
        retry_jobs=False,
        job_timeout=max(entry.timeout for entry in SCHEDULE) + EXTRA_SECONDS,
    )


def _cron(entry: Entry) -> CronJob:
    async def run(ctx: dict[Any, Any], *_args: object, **_kwargs: object) -> None:
        await entry.run(ctx[SERVICES])

    return cron(
        run,
        name=f"cron:{entry.name}",
        second=set(range(0, 60, int(entry.every))),
        timeout=entry.timeout + EXTRA_SECONDS,
        keep_result=0,
        max_tries=1,
    )


async def _run_worker(services: Services, stop: asyncio.Event) -> None:
    async with _redis(services.settings.redis_url) as redis:
        worker = arq_worker(services, redis)
        working = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            worker.allow_pick_jobs = False
            if not working.done():
                await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        finally:
            tasks = [working, stopping, *worker.tasks.values()]
            for task in tasks[1:] if working.done() else tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not working.cancelled():
            working.result()


async def _keep_time(services: Services, stop: asyncio.Event) -> None:
    """Run the schedule in this process until Redis answers again."""
    pause = asyncio.Event()
    clock = asyncio.create_task(run_clock(services, pause))
    try:
        while not stop.is_set() and not await _answers(services.settings.redis_url):
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await stop.wait()
        pause.set()
        await clock
    finally:
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)


async def _answers(redis_url: str) -> bool:
    async with _redis(redis_url) as redis:
        try:
            await redis.ping()
        except (RedisError, OSError):
            return False
    return True


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[ArqRedis]:
    """Read by redis itself, so that a URL means here what it means to the wake-up calls."""
    pool = ConnectionPool.from_url(
        url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS
    )
    redis = ArqRedis(pool, default_queue_name=QUEUE)
    try:
        yield redis
    finally:
        with suppress(RedisError, OSError):
            await redis.aclose()
            await pool.disconnect()
