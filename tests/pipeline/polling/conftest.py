"""Services that poll a sandbox, and a clock to turn."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from alerts.bootstrap import Services, open_services
from alerts.domain.events import EventType
from alerts.ports import Clock
from tests.pipeline.conftest import TurnedClock, feed, settings_for
from tests.pipeline.upstream import (
    Upstream,
    open_upstream,
)

NOW = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
OpenPolling = Callable[..., Awaitable[Services]]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with open_upstream() as running:
        yield running


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def open_polling(stack: AsyncExitStack, upstream: Upstream) -> OpenPolling:
    async def run(database_url: str, clock: Clock | None = None) -> Services:
        settings = settings_for(database_url, source="sandbox")
        opening = open_services(settings, clock=clock, sandbox_url=upstream.url)
        return await stack.enter_async_context(opening)

    return run


@pytest.fixture
async def services(open_polling: OpenPolling, database_url: str) -> Services:
    return await open_polling(database_url)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(NOW)


@pytest.fixture
async def timed(open_polling: OpenPolling, sqlite_url: str, clock: TurnedClock) -> Services:
    """On SQLite, whose time is the clock's."""
    return await open_polling(sqlite_url, clock)


async def told(services: Services) -> list[EventType]:
    return [event.type for event in await feed(services)]
