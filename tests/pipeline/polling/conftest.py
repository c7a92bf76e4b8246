"""Services that poll a sandbox, and a clock to turn."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.bootstrap import Services, open_services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, SourceName, TokenId
from alerts.domain.ratings import Rating
from alerts.pipeline.poll import Plan
from alerts.ports import Clock
from alerts.sources.download import open_client
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.token_metrics import TokenMetrics
from alerts.store.cycles import CycleRecord
from alerts.store.ratings import load_ratings
from tests.pipeline.conftest import TurnedClock, feed, settings_for
from tests.pipeline.polling.raw import RawUpstream, open_raw
from tests.pipeline.upstream import (
    Upstream,
    diffed,
    open_upstream,
    plan_of,
    poll_once,
)

NOW = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
API_KEY = "tm-11111111-2222-3333-4444-555555555555"
NAME = SourceName("token_metrics")
# Of the sandbox, on a page.
TOKENS = 60
PATIENCE = timedelta(seconds=30)
OpenAsking = Callable[..., Awaitable[Plan]]
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


@pytest.fixture
async def raw(stack: AsyncExitStack) -> RawUpstream:
    """An upstream that answers byte by byte what it is told to."""
    return await stack.enter_async_context(open_raw())


@pytest.fixture
def open_listed(
    stack: AsyncExitStack, sqlite_url: str, raw: RawUpstream, clock: TurnedClock
) -> OpenPolling:
    """Opens services that poll the raw upstream for these tokens, all if there are none."""

    async def run(*tokens: int, **knobs: object) -> Services:
        settings = settings_for(
            sqlite_url,
            source="token_metrics",
            token_metrics_api_key=API_KEY,
            token_metrics_url=raw.url,
            token_metrics_tokens=",".join(map(str, tokens)),
            token_metrics_requests_per_minute=1000,
            **knobs,
        )
        return await stack.enter_async_context(open_services(settings, clock=clock))

    return run


async def swept(services: Services, kind: Kind = Kind.TRADER) -> CycleRecord:
    """The cycle of a sweep of one page, diffed; of two, where tokens are missing."""
    made = await poll_once(services, kind) or await poll_once(services, kind)
    return await diffed(services, made[0])


@pytest.fixture
def ask_with(
    stack: AsyncExitStack, timed: Services, upstream: Upstream, clock: TurnedClock
) -> OpenAsking:
    """A plan whose client asks the sandbox as it would the real upstream."""

    async def run(*, api_key: str = SANDBOX_KEY, patience: timedelta = PATIENCE) -> Plan:
        source = TokenMetrics(
            name=NAME,
            client=await stack.enter_async_context(open_client()),
            api_key=api_key,
            clock=clock,
            base_url=upstream.url,
            deadline=patience,
        )
        return replace(plan_of(timed), source=source)

    return run


async def swept_by(services: Services, plan: Plan, clock: TurnedClock) -> None:
    """The sweep of the next slot, as far as it comes, diffed."""
    clock.turn(timedelta(hours=1))
    for _ in range(3):
        for cycle in await poll_once(services, plan=plan):
            await diffed(services, cycle)


async def ratings(services: Services) -> dict[TokenId, Rating]:
    """Of trader grades."""
    async with services.store.read() as tx:
        return await load_ratings(tx, NAME, Kind.TRADER, wanted=None)


async def told(services: Services) -> list[EventType]:
    return [event.type for event in await feed(services)]
