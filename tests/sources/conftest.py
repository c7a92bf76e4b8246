"""Upstreams on loopback: one that says what it is told to, byte by byte, and the sandbox."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import httpx
import pytest

from alerts.domain.grades import SourceName
from alerts.sources.download import open_client
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.server import open_sandbox
from alerts.sources.token_metrics import TokenMetrics
from tests.api.conftest import NO_TLS

API_KEY = "tm-11111111-2222-3333-4444-555555555555"


class MachineClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Upstream:
    """A server that answers every connection with the next of `answers`, the last one for good.

    An answer is written as it stands and the connection closed; None: nothing is ever written.
    requests: the heads as they came.
    """

    answers: list[bytes | None]
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode())
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass
class Sandbox:
    """A sandbox that runs. control: an HTTP client at its address, without a key."""

    url: str
    clock: VirtualClock
    market: Market
    control: httpx.AsyncClient

    async def grades(self, path: str, **parameters: str | int) -> httpx.Response:
        return await self.control.get(path, params=parameters, headers={"x-api-key": SANDBOX_KEY})

    async def switch_on(self, **fault: object) -> None:
        (await self.control.post("/_sandbox/faults", json=fault)).raise_for_status()


@cache
def market_of(seed: int, size: int) -> Market:
    """A market remembers what it worked out and nothing else, so tests can share it."""
    return Market(seed=seed, size=size)


RunUpstream = Callable[..., Awaitable[Upstream]]
RunSandbox = Callable[..., Awaitable[Sandbox]]
ReadFrom = Callable[..., TokenMetrics]


@pytest.fixture
async def resources() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def upstream(resources: AsyncExitStack) -> RunUpstream:
    async def run(*answers: bytes | None) -> Upstream:
        upstream = Upstream(list(answers))
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        resources.callback(server.close)
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return upstream

    return run


@pytest.fixture
async def sandbox(resources: AsyncExitStack) -> RunSandbox:
    async def run(
        *,
        seed: int = 1,
        size: int = 60,
        dated: bool = True,
        day_seconds: float = 0,
        profile: str = ProfileName.V2_2025_08,
        strict: bool = False,
    ) -> Sandbox:
        market = market_of(seed, size)
        clock = VirtualClock(clock=MachineClock(), day_seconds=day_seconds)
        app = create_sandbox(
            market=market, clock=clock, dated=dated, profile=ProfileName(profile), strict=strict
        )
        url = await resources.enter_async_context(open_sandbox(app))
        control = httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
        await resources.enter_async_context(control)
        return Sandbox(url, clock, market, control)

    return run


@pytest.fixture
async def read_from(resources: AsyncExitStack) -> ReadFrom:
    client = await resources.enter_async_context(open_client())

    def make(url: str, **settings: object) -> TokenMetrics:
        given: dict[str, object] = {"api_key": API_KEY, "clock": MachineClock(), **settings}
        name = SourceName("token_metrics")
        return TokenMetrics(name=name, client=client, base_url=url, **given)  # type: ignore[arg-type] # a test's settings

    return make
