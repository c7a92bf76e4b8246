"""Limiters: who asks too often is told so, by one process or by all that share a Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from alerts.domain.quotas import Quota
from alerts.errors import SettingsInvalid
from alerts.limits import MOST_BUCKETS, PREFIX, LocalLimiter, RedisLimiter, open_limiter
from alerts.ports import Limiter

# Nothing comes back while a test runs.
SLOW = Quota(burst=5, per_second=0.001)
NOWHERE = "redis://127.0.0.1:1/0"


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@asynccontextmanager
async def limiters(redis_url: str, count: int) -> AsyncIterator[list[Limiter]]:
    """As many as processes would have."""
    if count == 0:
        yield []
        return
    async with (
        limiters(redis_url, count - 1) as others,
        open_limiter(redis_url, clock=Clock()) as one,
    ):
        yield [*others, one]


@pytest.fixture(params=["", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    url = request.getfixturevalue("redis_url") if request.param else ""
    async with open_limiter(url, clock=Clock()) as opened:
        yield opened


async def test_a_burst_is_allowed_and_then_no_more(limiter: Limiter) -> None:
    found = [await limiter.ask("key:a", SLOW) for _ in range(7)]

    assert [one.is_allowed for one in found] == [True] * 5 + [False] * 2
    assert [one.remaining for one in found] == [4, 3, 2, 1, 0, 0, 0]
    assert 990 < found[5].retry_after_seconds <= 1000
    assert 4990 < found[5].reset_seconds <= 5000


async def test_buckets_are_counted_by_themselves(limiter: Limiter) -> None:
    for _ in range(6):
        await limiter.ask("key:a", SLOW)

    assert not (await limiter.ask("key:a", SLOW)).is_allowed
    assert (await limiter.ask("key:b", SLOW)).is_allowed


async def test_looking_costs_nothing(limiter: Limiter) -> None:
    for _ in range(10):
        assert (await limiter.ask("key:a", SLOW, is_spent=False)).remaining == 5

    for _ in range(5):
        await limiter.ask("key:a", SLOW)

    assert not (await limiter.ask("key:a", SLOW, is_spent=False)).is_allowed


async def test_what_was_spent_comes_back_with_time() -> None:
    clock, quota = Clock(), Quota(burst=2, per_second=1)
    limiter = LocalLimiter(clock)
    allowed = []
    for seconds in (0, 0, 0.5, 0.5, 1, 0, 10, 0, 0):
        clock.seconds += seconds
        allowed.append((await limiter.ask("key:a", quota)).is_allowed)

    assert allowed == [True, True, False, True, True, False, True, True, False]


async def test_what_was_spent_comes_back_through_redis_too(redis_url: str) -> None:
    quota = Quota(burst=1, per_second=20)
    async with open_limiter(redis_url, clock=Clock()) as limiter:
        began, allowed = time.monotonic(), 0
        while allowed < 10:
            allowed += (await limiter.ask("key:a", quota)).is_allowed
        took = time.monotonic() - began

    assert took >= 9 / 20


async def test_all_who_share_a_redis_count_together(redis_url: str) -> None:
    async with limiters(redis_url, 3) as several:
        asked = [one.ask("key:a", SLOW) for one in several for _ in range(5)]
        found = await asyncio.gather(*asked)

    assert sum(one.is_allowed for one in found) == 5


async def test_redis_forgets_a_bucket_that_is_empty_again(redis_url: str) -> None:
    async with open_limiter(redis_url, clock=Clock()) as limiter:
        await limiter.ask("key:a", Quota(burst=5, per_second=10))
        async with Redis.from_url(redis_url) as redis:
            left = await redis.pttl(f"{PREFIX}key:a")

    assert 0 < left <= 101


async def test_while_redis_is_away_a_process_counts_by_itself() -> None:
    async with limiters(NOWHERE, 2) as several:
        found = [[await one.ask("key:a", SLOW) for _ in range(6)] for one in several]

    assert [[one.is_allowed for one in each] for each in found] == [[True] * 5 + [False]] * 2


async def test_a_redis_that_comes_back_is_asked_again(redis_url: str) -> None:
    clock = Clock()
    async with Redis.from_url(redis_url) as redis:
        limiter = RedisLimiter(redis, clock)
        await redis.set(f"{PREFIX}key:a", "no number")
        assert (await limiter.ask("key:a", SLOW)).remaining == 4
        await redis.delete(f"{PREFIX}key:a")

        assert (await limiter.ask("key:a", SLOW)).remaining == 3
        clock.seconds += 2
        assert (await limiter.ask("key:a", SLOW)).remaining == 4
        assert await redis.exists(f"{PREFIX}key:a")


async def test_a_process_remembers_only_so_many() -> None:
    limiter = LocalLimiter(Clock())
    for _ in range(5):
        await limiter.ask("key:a", SLOW)
    for number in range(MOST_BUCKETS):
        await limiter.ask(f"key:{number}", SLOW)

    assert (await limiter.ask("key:a", SLOW)).is_allowed


async def test_an_address_that_is_no_redis_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="REDIS_URL"):
        async with open_limiter("http://127.0.0.1", clock=Clock()):
            raise AssertionError
