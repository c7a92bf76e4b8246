"""One case through the real service: sandbox, poll, diff, fan-out, dispatch, receiver.

All on sockets and a database of its own; only time is turned, so that a month takes a minute.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise

import httpx

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.cli.frame import run_loop
from alerts.domain.grades import Kind
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.poll import Plan, slot_of
from alerts.sources.download import open_client
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.server import open_sandbox
from alerts.sources.token_metrics import TokenMetrics
from alerts.sources.token_metrics_rows import Profile
from alerts.store.cipher import new_encryption_key
from alerts.store.lanes import next_due
from alerts.store.sweeps import last_sweep_as_of, open_sweep
from tests.api.conftest import NO_TLS
from tests.databases import turn_clock
from tests.given import Given
from tests.offline import stay_on_this_machine
from tests.receiver import Receiver
from tests.truth.aging import LOOK
from tests.truth.cases import CASES, Case
from tests.truth.endpoints import WANTED, subscribe
from tests.truth.judge import judge, judge_notices
from tests.truth.messages import Arrival
from tests.truth.oracle import truth_of
from tests.truth.verdict import Verdict
from workers.jobs import poll_sources, watch_sources

SOURCE = "token_metrics"
INTERVALS = {"trader": timedelta(hours=1), "fundamental": timedelta(days=1)}
PER_MINUTE = 20
# Real seconds that one request to the sandbox may take: it hangs for longer.
DEADLINE = timedelta(seconds=2)


class TurnedClock:
    """A clock that stands still until it is turned; `monotonic` goes on as the machine's does."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Aware UTC."""
        return self.at

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()


@dataclass(slots=True)
class Run:
    """A case under way. ticks: (messages that had come, the service's time)."""

    case: Case
    clock: TurnedClock
    calendar: VirtualClock
    receiver: Receiver
    sandbox_url: str
    settings: Given
    ticks: list[tuple[int, datetime]]


async def run_case(case: Case, database_url: str, **knobs: object) -> Verdict:
    """Run it and judge what came.

    database_url: migrated and empty; of a PostgreSQL whose clock can be turned. knobs: settings.
    """
    began = time.perf_counter()
    verdict = Verdict(case.name)
    truth = truth_of(case, INTERVALS)
    async with _opened(case, database_url, {**case.knobs, **knobs}) as run:
        await _go(run)
        usage = await _usage(run.sandbox_url)
        arrivals = _arrivals(run)
    verdict.requests = usage["requests"]
    verdict.refused = usage["refused"]
    judge(verdict, truth, WANTED, arrivals)
    judge_notices(verdict, truth, [each for each in arrivals if each.path == WANTED[0].path])
    verdict.seconds = time.perf_counter() - began
    return verdict


def run_alone(name: str, database_url: str) -> Verdict:
    """Run a case in a process that does nothing else."""
    telemetry.configure(telemetry.LogFormat.JSON, "CRITICAL")
    stay_on_this_machine()
    verdicts: list[Verdict] = []

    async def run() -> None:
        verdicts.append(await run_case(CASES[name], database_url))

    run_loop(run())
    return verdicts[0]


@asynccontextmanager
async def _opened(case: Case, database_url: str, knobs: Mapping[str, object]) -> AsyncIterator[Run]:
    scenario = case.scenario
    clock = TurnedClock(scenario.start)
    calendar = VirtualClock(clock=clock, today=scenario.start.date())
    market = await asyncio.to_thread(scenario.market)
    app = create_sandbox(
        market=market, clock=calendar, profile=scenario.profile, faults=scenario.faults
    )
    async with Receiver(check_time=False) as receiver, open_sandbox(app) as url:
        settings = Given.model_validate(
            {
                "database_url": database_url,
                "admin_key": "a" * 20,
                "encryption_keys": new_encryption_key(),
                "trusted_destinations": receiver.destination,
                "source": SOURCE,
                "token_metrics_url": url,
                "token_metrics_api_key": SANDBOX_KEY,
                "token_metrics_profile": scenario.profile.value,
                "token_metrics_requests_per_minute": PER_MINUTE,
                **knobs,
            }
        )
        yield Run(case, clock, calendar, receiver, url, settings, [])


async def _go(run: Run) -> None:
    """Let the scenario's time pass, from one moment at which there is something to do to the next.

    Where a new key is given, or another list of tokens, the service is started anew with it.
    """
    scenario, lists = run.case.scenario, run.case.lists
    moments = {scenario.start, scenario.end, *(since for since, _ in lists)}
    if scenario.new_key_at is not None:
        moments.add(scenario.new_key_at)
    for since, until in pairwise(sorted(moments)):
        async with _service(run, since) as services:
            if since == scenario.start:
                run.receiver.trust(await subscribe(services, run.receiver, SOURCE))
            await _until(run, services, until)


@asynccontextmanager
async def _service(run: Run, since: datetime) -> AsyncIterator[Services]:
    """The service as a worker has it; its source is impatient, for real seconds are dear."""
    scenario, key = run.case.scenario, SANDBOX_KEY
    if scenario.new_key_at is not None and scenario.new_key_at <= since:
        key = next(f.key for f in scenario.faults if f.effect is Effect.KEY_ROTATED)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(run.settings, clock=run.clock))
        source = TokenMetrics(
            name=_plan(services).source.name,
            client=await stack.enter_async_context(open_client()),
            api_key=key,
            clock=run.clock,
            base_url=run.sandbox_url,
            profile=Profile(scenario.profile.value),
            tokens=tuple(map(str, sorted(run.case.asked(since) or ()))),
            deadline=DEADLINE,
        )
        yield replace(services, plan=replace(_plan(services), source=source))


def _plan(services: Services) -> Plan:
    if services.plan is None:
        raise ValueError("nothing is polled")
    return services.plan


async def _until(run: Run, services: Services, end: datetime) -> None:
    while run.clock.at < end:
        run.calendar.now = run.clock.at
        await poll_sources(services)
        await watch_sources(services)
        await fan_out_events(store=services.store, waker=services.waker)
        async with services.store.read() as tx:
            due = await next_due(tx, ())
        if due is not None and due.at <= run.clock.at:
            await services.dispatcher().run_until_idle()
        run.ticks.append((len(run.receiver.requests), run.clock.at))
        following = await _following(services)
        run.clock.at = min(max(following, run.clock.at + timedelta(seconds=1)), end)
        await turn_clock(services.store, run.clock.at)


async def _following(services: Services) -> datetime:
    """When there may be something to do again."""
    now, plan = services.clock.now(), _plan(services)
    # A worker looks how fresh grades are all the time; here at every half hour, too.
    moments = [slot_of(now + LOOK, 2 * LOOK) + LOOK]
    async with services.store.read() as tx:
        due = await next_due(tx, ())
        for kind in Kind:
            sweep = await open_sweep(tx, plan.source.name, kind)
            last = await last_sweep_as_of(tx, plan.source.name, kind)
            slot = slot_of(now, plan.intervals[kind])
            moments.append(slot + plan.intervals[kind])
            if sweep is not None:
                moments.append(max(sweep.not_before, now))
            elif last is None or last < slot:
                moments.append(now)
    return min(moments if due is None else [*moments, due.at])


def _arrivals(run: Run) -> list[Arrival]:
    arrivals = []
    ticks = iter(run.ticks)
    count, at = 0, run.case.scenario.start
    for number, request in enumerate(run.receiver.requests):
        while number >= count:
            count, at = next(ticks)
        arrivals.append(
            Arrival(
                request.path,
                at,
                request.headers["webhook-id"],
                request.body,
                request.verified is True,
            )
        )
    return arrivals


async def _usage(url: str) -> dict[str, int]:
    """Requests of the grades, and those of them that were too many."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as control:
        usage = (await control.get("/_sandbox/usage")).json()
    refused = [
        row["requests"] for row in usage["data"] if row["status"] == HTTPStatus.TOO_MANY_REQUESTS
    ]
    return {"requests": usage["requests"], "refused": sum(refused)}


def names_or_all(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """The cases asked for, in the order they are known. Raises ValueError for another."""
    unknown = set(wanted) - set(known)
    if unknown:
        raise ValueError(f"no case {min(unknown)!r}; there are {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]
