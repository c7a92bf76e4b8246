"""The sandbox upstream over a socket, and services that poll it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import httpx

from alerts.bootstrap import Services, SystemClock
from alerts.domain.grades import Kind, SourceName
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.poll import Plan, poll
from alerts.ports import SourceState
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.server import open_sandbox
from alerts.store.cycles import CycleRecord, list_cycles
from alerts.store.sweeps import SourceRecord, find_state
from tests.api.conftest import NO_TLS

TM_GRADE = "/v2/tm-grade"


@cache
def market_of(size: int) -> Market:
    """A market remembers what it worked out and nothing else, so tests can share it."""
    return Market(seed=1, size=size)


@dataclass
class Upstream:
    """A sandbox that runs. day: its calendar."""

    url: str
    day: VirtualClock
    control: httpx.AsyncClient

    async def switch_on(self, effect: str, **fault: object) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"effect": effect, **fault})
        answer.raise_for_status()

    async def switch_off(self) -> None:
        (await self.control.delete("/_sandbox/faults")).raise_for_status()

    async def requests(self) -> int:
        """How many were made so far."""
        return int((await self.control.get("/_sandbox/usage")).json()["requests"])


@asynccontextmanager
async def open_upstream(*, size: int = 250, dated: bool = True) -> AsyncIterator[Upstream]:
    """250 tokens are three pages. dated: whether rows say their day."""
    day = VirtualClock(clock=SystemClock())
    app = create_sandbox(market=market_of(size), clock=day, dated=dated)
    async with (
        open_sandbox(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as control,
    ):
        yield Upstream(url, day, control)


def plan_of(services: Services) -> Plan:
    assert services.plan is not None
    return services.plan


async def poll_once(
    services: Services, kind: Kind = Kind.TRADER, *, plan: Plan | None = None
) -> list[str]:
    return await poll(kind, store=services.store, plan=plan or plan_of(services))


async def state_of(
    services: Services, kind: Kind = Kind.TRADER, *, source: SourceName | None = None
) -> SourceRecord:
    async with services.store.read() as tx:
        found = await find_state(tx, source or plan_of(services).source.name, kind)
    assert found is not None
    return found


async def stands(services: Services, kind: Kind = Kind.TRADER) -> SourceState:
    return (await state_of(services, kind)).state


async def cycles_of(services: Services) -> list[CycleRecord]:
    """Oldest first."""
    async with services.store.read() as tx:
        return list(reversed(await list_cycles(tx, before=None, limit=100)))


async def diffed(services: Services, cycle_id: str) -> CycleRecord:
    return await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
