"""One scenario through the real service: sandbox, poll, diff, fan-out, dispatch, receiver.

All on sockets and a database of its own; only time is turned, so that a month takes a minute.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.channels.signing import format_secret
from alerts.cli.frame import run_loop
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.poll import Plan, slot_of
from alerts.settings import Settings
from alerts.sources.download import open_client
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.roster import BITCOIN
from alerts.sources.sandbox.scenarios import PLAIN, SCENARIOS, WOLVES, Scenario
from alerts.sources.sandbox.server import open_sandbox
from alerts.sources.token_metrics import TokenMetrics
from alerts.sources.token_metrics_rows import Profile
from alerts.store.cipher import new_encryption_key
from alerts.store.sweeps import last_sweep_as_of, open_sweep
from tests.databases import copy_sqlite
from tests.offline import stay_on_this_machine
from tests.receiver import Receiver
from tests.truth.aging import LOOK
from tests.truth.judge import (
    ALL_TYPES,
    USUAL_TYPES,
    Arrival,
    Verdict,
    Wanted,
    judge,
    judge_notices,
)
from tests.truth.oracle import truth_of
from workers.jobs import poll_sources, watch_sources

SOURCE = "token_metrics"
INTERVALS = {"trader": timedelta(hours=1), "fundamental": timedelta(days=1)}
PER_MINUTE = 20
# Real seconds that one request to the sandbox may take: it hangs for longer.
DEADLINE = timedelta(seconds=2)
# What is looked at again when nothing says when: a lease of a page that was cut off.
LOOK_AGAIN = timedelta(minutes=1)
WANTED = (
    Wanted("/everything", ALL_TYPES),
    Wanted("/usual", USUAL_TYPES),
    Wanted("/few", ALL_TYPES, frozenset({BITCOIN, *WOLVES, *PLAIN[:20]})),
)


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
    """A scenario under way. ticks: (messages that had come, the service's time)."""

    scenario: Scenario
    clock: TurnedClock
    calendar: VirtualClock
    receiver: Receiver
    sandbox_url: str
    settings: Settings
    ticks: list[tuple[int, datetime]]


async def run_scenario(scenario: Scenario, database_url: str, **knobs: object) -> Verdict:
    """Run it and judge what came. database_url: migrated and empty, SQLite. knobs: settings."""
    began = time.perf_counter()
    verdict = Verdict(scenario.name)
    truth = truth_of(scenario, INTERVALS)
    async with _opened(scenario, database_url, knobs) as run:
        await _go(run)
        usage = await _usage(run.sandbox_url)
        arrivals = _arrivals(run)
    verdict.requests = usage["requests"]
    verdict.refused = usage["refused"]
    judge(verdict, truth.told, WANTED, arrivals)
    judge_notices(
        verdict, truth.notices, [each for each in arrivals if each.path == WANTED[0].path]
    )
    verdict.seconds = time.perf_counter() - began
    return verdict


def run_alone(name: str, template: Path) -> Verdict:
    """Run a scenario in a process that does nothing else. template: of its database, beside it."""
    telemetry.configure(telemetry.LogFormat.JSON, "CRITICAL")
    stay_on_this_machine()
    verdicts: list[Verdict] = []

    async def run() -> None:
        url = copy_sqlite(template, template.with_name(f"{name}.db"))
        verdicts.append(await run_scenario(SCENARIOS[name], url))

    run_loop(run())
    return verdicts[0]


@asynccontextmanager
async def _opened(
    scenario: Scenario, database_url: str, knobs: Mapping[str, object]
) -> AsyncIterator[Run]:
    clock = TurnedClock(scenario.start)
    calendar = VirtualClock(clock=clock, today=scenario.start.date())
    market = await asyncio.to_thread(scenario.market)
    app = create_sandbox(
        market=market, clock=calendar, profile=scenario.profile, faults=scenario.faults
    )
    async with Receiver(check_time=False) as receiver, open_sandbox(app) as url:
        settings = Settings.model_validate(
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
        yield Run(scenario, clock, calendar, receiver, url, settings, [])


async def _go(run: Run) -> None:
    """Let the scenario's time pass, from one moment at which there is something to do to the next.

    Where a new key is given, the service is started anew with it.
    """
    new_key_at = run.scenario.new_key_at
    async with _service(run, SANDBOX_KEY) as services:
        run.receiver.trust(await _subscribe(services, run.receiver))
        await _until(run, services, new_key_at or run.scenario.end)
    if new_key_at is not None:
        keys = [f.key for f in run.scenario.faults if f.effect is Effect.KEY_ROTATED]
        async with _service(run, keys[0]) as services:
            await _until(run, services, run.scenario.end)


@asynccontextmanager
async def _service(run: Run, key: str) -> AsyncIterator[Services]:
    """The service as a worker has it; its source is impatient, for real seconds are dear."""
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(run.settings, clock=run.clock))
        if services.plan is None:
            raise ValueError("nothing is polled")
        source = TokenMetrics(
            name=services.plan.source.name,
            client=await stack.enter_async_context(open_client()),
            api_key=key,
            clock=run.clock,
            base_url=run.sandbox_url,
            profile=Profile(run.scenario.profile.value),
            deadline=DEADLINE,
        )
        yield replace(services, plan=replace(services.plan, source=source))


async def _subscribe(services: Services, receiver: Receiver) -> list[str]:
    """Make the endpoints; their secrets."""
    secrets = []
    for want in WANTED:
        wish = Wish(
            wanted=Filter(types=frozenset(map(EventType, want.types))),
            tokens=None if want.tokens is None else [f"{SOURCE}:{t}" for t in want.tokens],
        )
        made = await create_webhook(HOUSE_APP, receiver.url(want.path), wish, desk=services.desk)
        secrets.append(format_secret(made.secret))
    return secrets


async def _until(run: Run, services: Services, end: datetime) -> None:
    while run.clock.at < end:
        run.calendar.now = run.clock.at
        await poll_sources(services)
        await watch_sources(services)
        if await fan_out_events(store=services.store, waker=services.waker):
            await services.dispatcher().run_until_idle()
        run.ticks.append((len(run.receiver.requests), run.clock.at))
        # A worker looks how fresh grades are all the time; here at every half hour, too.
        half_hour = slot_of(run.clock.at + LOOK, 2 * LOOK) + LOOK
        following = min([half_hour, *[await _next(kind, services) for kind in Kind]])
        run.clock.at = min(max(following, run.clock.at + timedelta(seconds=1)), end)


async def _next(kind: Kind, services: Services) -> datetime:
    """When there may be something to poll again."""
    plan: Plan | None = services.plan
    if plan is None:
        raise ValueError("nothing is polled")
    now = services.clock.now()
    async with services.store.read() as tx:
        sweep = await open_sweep(tx, plan.source.name, kind)
        last = await last_sweep_as_of(tx, plan.source.name, kind)
    following = slot_of(now, plan.intervals[kind]) + plan.intervals[kind]
    if sweep is None:
        return now if last is None or last < slot_of(now, plan.intervals[kind]) else following
    return min(sweep.not_before if sweep.not_before > now else now, following)


def _arrivals(run: Run) -> list[Arrival]:
    arrivals = []
    ticks = iter(run.ticks)
    count, at = 0, run.scenario.start
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
    async with httpx.AsyncClient(base_url=url, trust_env=False) as control:
        usage = (await control.get("/_sandbox/usage")).json()
    refused = [
        row["requests"] for row in usage["data"] if row["status"] == HTTPStatus.TOO_MANY_REQUESTS
    ]
    return {"requests": usage["requests"], "refused": sum(refused)}


def names_or_all(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """The scenarios asked for, in the order they are known. Raises ValueError for another."""
    unknown = set(wanted) - set(known)
    if unknown:
        raise ValueError(f"no scenario {min(unknown)!r}; there are {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]
