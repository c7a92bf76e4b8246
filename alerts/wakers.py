"""Wake-up calls: after a commit, somebody else may have something to do.

A call may be lost; whoever waits looks for himself every quarter of a second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.errors import SettingsInvalid
from alerts.ports import Call
from alerts.telemetry import Step, emit

CHANNEL: Final = "gradebell:wake"
# A Redis that takes longer is not waited for: the call may be lost.
PUBLISH_SECONDS: Final = 0.25
# How long a lost Redis is left alone before it is tried again.
RECONNECT_SECONDS: Final = 1.0


class LocalWaker:
    """Wakes whoever waits in this process."""

    def __init__(self) -> None:
        self._next = {call: asyncio.Event() for call in Call}

    async def wake(self, call: Call) -> None:
        """Wake everybody who waits for this call."""
        self._next[call].set()
        self._next[call] = asyncio.Event()

    async def wait(self, call: Call, timeout_seconds: float) -> None:
        """Return at the next such call, or after the timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._next[call].wait()


class RedisWaker:
    """Wakes whoever waits, in any process, through a Redis PUBLISH."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local = LocalWaker()

    async def wake(self, call: Call) -> None:
        """Wake everybody; a Redis that is away costs the others a quarter of a second."""
        await self._local.wake(call)
        with suppress(RedisError, OSError):
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._redis.publish(CHANNEL, call.value)

    async def wait(self, call: Call, timeout_seconds: float) -> None:
        """Return at the next such call, or after the timeout."""
        await self._local.wait(call, timeout_seconds)

    async def listen(self) -> None:
        """Pass calls from Redis on, for ever; it may come and go."""
        is_away = False
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    is_away = False
                    async for message in subscription.listen():
                        await self._pass_on(message["data"])
            except (RedisError, OSError) as error:
                if not is_away:
                    emit(Step.REDIS_LOST, problem=type(error).__name__)
                is_away = True
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _pass_on(self, said: object) -> None:
        """An older release says nothing of what there is to do, and a subscription its number."""
        for call in Call:
            if said == call.value.encode() or said not in _CALLS:
                await self._local.wake(call)


_CALLS: Final = {call.value.encode() for call in Call}


@asynccontextmanager
async def open_waker(redis_url: str) -> AsyncIterator[LocalWaker | RedisWaker]:
    """A waker through Redis, or within this process where no URL is given."""
    if not redis_url:
        yield LocalWaker()
        return
    redis = _redis_at(redis_url)
    waker = RedisWaker(redis)
    listening = asyncio.create_task(waker.listen())
    try:
        yield waker
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await redis.aclose()


def _redis_at(url: str) -> Redis:
    try:
        redis: Redis = Redis.from_url(url, socket_connect_timeout=5)
        # Nothing is dialled yet: the options of the URL are looked at here and not before.
        redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except ValueError:
        shape = "must start with redis:// or rediss://, as in redis://HOST:PORT/NUMBER"
        raise SettingsInvalid(f"GRADEBELL_REDIS_URL {shape}") from None
    except TypeError:
        options = ", ".join(dict(parse_qsl(urlsplit(url).query)))
        problem = f"GRADEBELL_REDIS_URL has an option that Redis clients do not take ({options})"
        raise SettingsInvalid(problem) from None
    return redis
