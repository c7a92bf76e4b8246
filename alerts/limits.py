"""Limits: who has asked how often, in this process or, through Redis, in all of them.

Nothing here is worth keeping: what is forgotten was allowed once more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.domain.quotas import MICROSECONDS, Quota, Standing, spend, standing
from alerts.errors import SettingsInvalid
from alerts.ports import Clock
from alerts.telemetry import Step, emit

PREFIX: Final = "gradebell:quota:"
# A Redis that takes longer is not waited for: this process counts by itself meanwhile.
ASK_SECONDS: Final = 0.25
# How long a lost Redis is left alone before it is tried again.
RECONNECT_SECONDS: Final = 1.0
# Buckets that one process remembers; past that the one untouched for longest is forgotten.
MOST_BUCKETS: Final = 20_000

# `spend` of alerts/domain/quotas.py, by Redis's own clock. Numbers are written out in full, for Lua
# would round them to 14 digits. KEYS: the bucket. ARGV: step, burst, 1 to spend or 0 to look.
_SPEND: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local empty_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local moved = empty_at + step
if moved - now > burst * step then return {0, empty_at - now} end
if ARGV[3] == '0' then return {1, empty_at - now} end
redis.call('SET', KEYS[1], string.format('%.0f', moved), 'PX', math.ceil((moved - now) / 1000))
return {1, moved - now}
"""


class LocalLimiter:
    """Counts what this process is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, int] = OrderedDict()

    async def ask(self, bucket: str, quota: Quota, *, is_spent: bool = True) -> Standing:
        """Whether one more is within the quota. is_spent: count it if it is; else only look."""
        now = round(self._clock.monotonic() * MICROSECONDS)
        empty_at = max(self._buckets.get(bucket, now), now)
        moved = spend(quota, empty_at, now)
        if moved is None or not is_spent:
            return standing(quota, empty_at - now, is_allowed=moved is not None)
        self._buckets[bucket] = moved
        self._buckets.move_to_end(bucket)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return standing(quota, moved - now, is_allowed=True)


class RedisLimiter:
    """Counts what all processes are asked; by itself while Redis is away."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._clock = clock
        self._alone = LocalLimiter(clock)
        self._script = redis.register_script(_SPEND)
        self._back_at: float | None = None

    async def ask(self, bucket: str, quota: Quota, *, is_spent: bool = True) -> Standing:
        """Whether one more is within the quota. is_spent: count it if it is; else only look."""
        if self._back_at is not None and self._clock.monotonic() < self._back_at:
            return await self._alone.ask(bucket, quota, is_spent=is_spent)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                is_allowed, filled = await self._script(
                    keys=[PREFIX + bucket], args=[quota.step, quota.burst, int(is_spent)]
                )
        except (RedisError, OSError) as error:
            if self._back_at is None:
                emit(Step.REDIS_LOST, problem=type(error).__name__)
            self._back_at = self._clock.monotonic() + RECONNECT_SECONDS
            return await self._alone.ask(bucket, quota, is_spent=is_spent)
        self._back_at = None
        return standing(quota, int(filled), is_allowed=bool(is_allowed))


@asynccontextmanager
async def open_limiter(
    redis_url: str, *, clock: Clock
) -> AsyncIterator[LocalLimiter | RedisLimiter]:
    """A limiter through Redis, or within this process where no URL is given."""
    if not redis_url:
        yield LocalLimiter(clock)
        return
    try:
        redis = Redis.from_url(redis_url, socket_connect_timeout=ASK_SECONDS)
    except ValueError:
        raise SettingsInvalid("GRADEBELL_REDIS_URL must start with redis:// or rediss://") from None
    try:
        yield RedisLimiter(redis, clock)
    finally:
        await redis.aclose()
