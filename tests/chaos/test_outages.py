"""The database stopped, Redis stopped and emptied: workers and API go on by themselves."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.pipeline.claimer import Claimer
from alerts.pipeline.fan_out import fan_out_events
from alerts.store.migrate import upgrade
from alerts.store.tables import lanes
from alerts.wakers import CHANNEL
from tests import servers
from tests.api.conftest import NO_TLS
from tests.chaos.scene import (
    IS_LONG,
    PATIENCE_SECONDS,
    SlowReceiver,
    all_ended,
    assert_nothing_is_lost,
    end_in_order,
    settings_of,
    tell,
    worker,
)
from tests.cli.processes import running
from tests.programs import Unavailable, free_port
from tests.receiver import Receiver
from tests.workers.installation import opened, push, subscribe

AWAY_SECONDS = 10.0 if IS_LONG else 2.0
OUTAGES = 3 if IS_LONG else 1
ENDPOINTS = 8
TOKENS = 100 if IS_LONG else 25
# Longer than the outage: who was sending goes on with what it knows.
LEASE = {"LEASE_SECONDS": "45", "SEND_DEADLINE_SECONDS": "5"}


@pytest.fixture
def postgresql() -> Iterator[servers.Server]:
    """A PostgreSQL that may be stopped, for no other test is on it."""
    try:
        with servers.postgresql() as server:
            yield server
    except Unavailable as reason:
        pytest.skip(f"needs a server: {reason}")


@pytest.fixture
def redis() -> Iterator[servers.Server]:
    """A Redis that may be stopped."""
    try:
        with servers.redis() as server:
            yield server
    except Unavailable as reason:
        pytest.skip(f"needs a server: {reason}")


async def ready(url: str) -> tuple[int, str]:
    """Status and body of /readyz."""
    async with httpx.AsyncClient(verify=NO_TLS, timeout=10) as client:
        answer = await client.get(f"{url}/readyz")
    return answer.status_code, answer.text


async def wait_until_ready(url: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await ready(url))[0] != 200:  # noqa: ASYNC110 - another process's doing.
            await asyncio.sleep(0.1)


async def listeners(redis_url: str) -> int:
    """How many wait for a wake-up call."""
    async with Redis.from_url(redis_url) as client:
        return int((await client.pubsub_numsub(CHANNEL))[0][1])


async def wait_for_listeners(redis_url: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await listeners(redis_url) != count:  # noqa: ASYNC110 - another process's doing.
            await asyncio.sleep(0.05)


async def test_a_redis_that_stops_is_emptied_and_comes_back_loses_nothing(
    redis: servers.Server, postgresql_url: str, tmp_path: Path
) -> None:
    async with SlowReceiver() as receiver:
        settings = settings_of(postgresql_url, receiver, {**LEASE, "REDIS_URL": redis.url})
        with ExitStack() as stack:
            workers = [stack.enter_context(worker(settings, tmp_path)) for _ in range(2)]
            for one in workers:  # one that begins without a database ends at once, and says so
                await asyncio.to_thread(one.wait_for, "worker.started")
            async with opened(settings) as services:
                await subscribe(services, receiver, ENDPOINTS)
                # Both workers and the test itself: whoever is called is there without a look.
                await wait_for_listeners(redis.url, 3)
                await push(services, 0, tokens=TOKENS)
                took = [await pushed(services, receiver, 1)]
                with redis.away(signal.SIGKILL):
                    took.append(await pushed(services, receiver, 2))
                    for one in workers:
                        await asyncio.to_thread(one.wait_for, "redis.lost")
                await wait_for_listeners(redis.url, 3)
                took.append(await pushed(services, receiver, 3))
                async with Redis.from_url(redis.url) as client:
                    await push(services, 4, tokens=TOKENS)
                    await client.flushall()
                    await all_ended(services)
                owed = 4 * ENDPOINTS * TOKENS
                repeats = await assert_nothing_is_lost(services, receiver, owed=owed)
            codes = [await end_in_order(one, 20) for one in workers]
    tell("Redis stopped", first_arrival_ms_before_while_after=took, sent_again=repeats)
    # A worker that broke says on its last lines what it broke on.
    assert codes == [0, 0], [one.output[-3000:] for one in workers]
    assert repeats == 0


async def pushed(services: Services, receiver: Receiver, day: int) -> int:
    """A day's cycle, delivered to the last; milliseconds until the first arrived."""
    came = len(receiver.requests)
    await push(services, day, tokens=TOKENS)
    began = asyncio.get_running_loop().time()
    await receiver.wait_for(came + 1, within_seconds=PATIENCE_SECONDS)
    first = receiver.requests[came].arrived
    await all_ended(services)
    return round((first - began) * 1000)


async def test_a_database_that_stops_and_comes_back_loses_nothing(
    postgresql: servers.Server, redis_url: str, tmp_path: Path
) -> None:
    database_url = f"{postgresql.url}postgres"
    await upgrade(database_url)
    async with SlowReceiver() as receiver:
        more = {**LEASE, "REDIS_URL": redis_url, "PORT": str(free_port())}
        settings = settings_of(database_url, receiver, more)
        with ExitStack() as stack:
            api = stack.enter_context(running(["api"], tmp_path, settings))
            url = json.loads(await asyncio.to_thread(api.wait_for, "api.started"))["url"]
            workers = [stack.enter_context(worker(settings, tmp_path)) for _ in range(2)]
            for one in workers:  # one that begins without a database ends at once, and says so
                await asyncio.to_thread(one.wait_for, "worker.started")
            async with opened(settings) as services:
                await subscribe(services, receiver, ENDPOINTS)
                await push(services, 0, tokens=TOKENS)
                for day in range(1, OUTAGES + 1):
                    came = len(receiver.requests)
                    await push(services, day, tokens=TOKENS)
                    await receiver.wait_for(came + 1, within_seconds=PATIENCE_SECONDS)
                    with postgresql.away(signal.SIGQUIT):  # "immediate shutdown": as in a crash
                        status, said = await ready(url)
                        await asyncio.sleep(AWAY_SECONDS)
                    await wait_until_ready(url)
                    assert (status, "the database does not answer" in said) == (503, True)

                owed = OUTAGES * ENDPOINTS * TOKENS
                await all_ended(services)
                repeats = await assert_nothing_is_lost(services, receiver, owed=owed)
            codes = [await end_in_order(one, 20) for one in workers]
    tell("database stopped", times=OUTAGES, seconds=AWAY_SECONDS, owed=owed, sent_again=repeats)
    # A worker that broke says on its last lines what it broke on.
    assert codes == [0, 0], [one.output[-3000:] for one in workers]


async def test_a_claim_outlives_a_crash_of_the_database(
    postgresql: servers.Server, redis_url: str
) -> None:
    database_url = f"{postgresql.url}postgres"
    await upgrade(database_url)
    async with SlowReceiver() as receiver:
        settings = settings_of(database_url, receiver, {**LEASE, "REDIS_URL": redis_url})
        async with opened(settings) as services:
            await subscribe(services, receiver, ENDPOINTS)
            await push(services, 0, tokens=1)
            await push(services, 1, tokens=1)
            await fan_out_events(store=services.store, waker=services.waker)
            claimed = await Claimer(services.store, services.rules).claim(ENDPOINTS, ())
            with postgresql.away(signal.SIGQUIT):
                pass
        # Else another worker has the lanes at once, while the first one sends what is in them.
        async with opened(settings) as services, services.store.read() as tx:
            query = select(lanes.c.endpoint_id, lanes.c.lease_id)
            held = {row[0]: row[1] for row in await tx.connection.execute(query)}
    assert len(held) == ENDPOINTS
    assert held == {lane.endpoint_id: lane.lease_id for lane in claimed}
