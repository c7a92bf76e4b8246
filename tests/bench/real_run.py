"""Two days of grades through the whole service, fifty endpoints told, and everything held against
the oracle.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerts.bootstrap import Services, open_services
from alerts.channels.signing import format_secret
from alerts.domain.deliveries import Order
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.poll import poll
from alerts.settings import PREFIX, Settings
from alerts.store.cipher import new_encryption_key
from tests.bench.real_oracle import Told, Wanted, expected, problems_at
from tests.bench.real_pages import (
    Day,
    Upstream,
    day_before,
    serving,
    write_ndjson,
)
from tests.bench.real_wishes import wishes
from tests.receiver import Received, Receiver

SOURCE = "token_metrics"
# A sweep is ten pages and an empty one; more than this is a sweep that does not end.
MOST_POLLS = 40
COMMAND_SECONDS = 120
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One endpoint of the run. secret: as its receiver's library takes it."""

    path: str
    endpoint_id: str
    secret: str
    wanted: Wanted


@dataclass(slots=True)
class Report:
    """What came of a run. problems: none, if all is well. seconds: by step."""

    changes: Mapping[str, Told]
    deliveries: int = 0
    endpoints: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class TurnedClock:
    """The machine's time, so many days back."""

    def __init__(self, days_back: int = 0) -> None:
        self.days_back = days_back

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC) - self.days_back * DAY

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()


class Commands:
    """The `gradebell` command with these settings, each time a process of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            f"{PREFIX}DATABASE_URL": settings.database_url,
            f"{PREFIX}ADMIN_KEY": settings.admin_key.get_secret_value(),
            f"{PREFIX}ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
            f"{PREFIX}TRUSTED_DESTINATIONS": settings.trusted_destinations,
            f"{PREFIX}SOURCE": settings.source,
        }

    async def run(self, *words: str) -> str:
        """What it prints. Raises RuntimeError with what it says if it ends with anything but 0."""
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("gradebell"),
            *words,
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(COMMAND_SECONDS):
            said, complaint = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {complaint.decode()}")
        return said.decode()


Take = Callable[[Services, Day], Awaitable[None]]
Dispatch = Callable[[Services], Awaitable[None]]


async def by_file(today: Day, database_url: str, folder: Path) -> Report:
    """Tell of two days that come as files, by the commands. database_url: migrated, and empty."""
    async with Receiver() as receiver:
        settings = _settings(database_url, receiver, source="none")
        gradebell = Commands(settings, folder)

        async def take(_services: Services, day: Day) -> None:
            file = write_ndjson(day, folder / "day.ndjson")
            await gradebell.run("cycle", "import", str(file), "--source", SOURCE, "--complete")

        async def dispatch(_services: Services) -> None:
            await gradebell.run("dispatch", "--until-idle")

        async with open_services(settings) as services:
            return await _tell(services, receiver, today, take=take, dispatch=dispatch)


async def by_poll(today: Day, database_url: str) -> Report:
    """Tell of two days that are polled from an upstream, a page at a time. SQLite only."""
    upstream = Upstream([])
    clock = TurnedClock(days_back=1)

    async def take(services: Services, day: Day) -> None:
        upstream.today = day
        assert services.plan is not None
        for _ in range(MOST_POLLS):
            cycles = await poll(Kind.TRADER, store=services.store, plan=services.plan)
            if cycles:
                break
        for cycle_id in cycles:
            await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
        clock.days_back = 0

    async with serving(upstream) as url, Receiver() as receiver:
        settings = _settings(
            database_url,
            receiver,
            source="token_metrics",
            token_metrics_api_key="tm-key",
            token_metrics_url=url,
            token_metrics_profile="v2-2025-04",
            token_metrics_requests_per_minute=MOST_POLLS,
            trader_interval_seconds=86_400,
        )
        async with open_services(settings, clock=clock) as services:
            return await _tell(services, receiver, today, take=take, dispatch=_dispatch)


async def _dispatch(services: Services) -> None:
    await fan_out_events(store=services.store, waker=services.waker)
    await services.dispatcher().run_until_idle()


async def _tell(
    services: Services, receiver: Receiver, today: Day, *, take: Take, dispatch: Dispatch
) -> Report:
    yesterday = day_before(today)
    report = Report(expected(yesterday, today))
    with _timed(report, "baseline"):
        await take(services, yesterday)
    with _timed(report, "endpoints"):
        subscribers = await _subscribe(services, receiver, wishes(today, report.changes))
    with _timed(report, "news"):
        await take(services, today)
    with _timed(report, "dispatch"):
        await dispatch(services)
    report.deliveries, report.endpoints = len(receiver.requests), len(subscribers)
    report.problems += _received_problems(subscribers, report.changes, receiver)
    report.problems += await _log_problems(services, subscribers, report.changes)
    return report


async def _subscribe(
    services: Services, receiver: Receiver, wanted: Sequence[Wanted]
) -> list[Subscriber]:
    made = []
    for number, want in enumerate(wanted):
        wish = Wish(
            wanted=Filter(
                kinds=frozenset(map(Kind, want.kinds)),
                types=frozenset(map(EventType, want.types)),
                min_notches=want.min_notches,
                min_delta=int(want.min_delta * 100),
            ),
            tokens=None if want.tokens is None else [f"{SOURCE}:{each}" for each in want.tokens],
            order=tuple(Order)[number % 3],
        )
        path = f"/{number}"
        new = await create_webhook(HOUSE_APP, receiver.url(path), wish, desk=services.desk)
        made.append(Subscriber(path, new.endpoint.id, format_secret(new.secret), want))
    return made


def _received_problems(
    subscribers: Sequence[Subscriber], changes: Mapping[str, Told], receiver: Receiver
) -> list[str]:
    problems = []
    paths = {subscriber.path for subscriber in subscribers}
    problems += [f"{r.path}: nobody's" for r in receiver.requests if r.path not in paths]
    for subscriber in subscribers:
        came = receiver.at(subscriber.path)
        found = problems_at(subscriber.wanted, changes, [request.body for request in came])
        found += [wrong for request in came if (wrong := _envelope_problem(request, subscriber))]
        problems += [f"{subscriber.path}: {each}" for each in found]
    bodies: dict[str, set[bytes]] = {}
    for request in receiver.requests:
        bodies.setdefault(request.headers["webhook-id"], set()).add(request.body)
    return problems + [
        f"{each}: not the same bytes" for each, all_ in bodies.items() if len(all_) > 1
    ]


def _envelope_problem(request: Received, subscriber: Subscriber) -> str | None:
    """What is wrong with a request's headers, its signature by the endpoint's own secret first."""
    try:
        Webhook(subscriber.secret).verify(request.body, request.headers, json_parse=False)
    except WebhookVerificationError as error:
        return f"does not verify: {error}"
    if request.headers["webhook-id"] != json.loads(request.body)["id"]:
        return "webhook-id is not the event's"
    if request.headers["gradebell-endpoint"] != subscriber.endpoint_id:
        return "names another endpoint"
    return None


async def _log_problems(
    services: Services, subscribers: Sequence[Subscriber], changes: Mapping[str, Told]
) -> list[str]:
    """Whether the log holds one delivery and one delivered attempt of all that was due."""
    query = text(
        "SELECT d.endpoint_id, d.token, e.type, d.state, d.attempts, count(a.id),"
        " min(a.outcome), min(a.status_code) FROM deliveries d"
        " JOIN events e ON e.id = d.event_id LEFT JOIN attempts a ON a.delivery_id = d.id"
        " GROUP BY d.id, d.endpoint_id, d.token, e.type, d.state, d.attempts"
    )
    async with services.store.engine.connect() as connection:
        logged = sorted(tuple(row) for row in await connection.execute(query))
    due = sorted(
        (one.endpoint_id, f"{SOURCE}:{told.token}", told.type, "delivered", 1, 1, "delivered", 204)
        for one in subscribers
        for told in changes.values()
        if one.wanted.takes(told)
    )
    if logged == due:
        return []
    missing, extra = set(due) - set(logged), set(logged) - set(due)
    return [f"log: {len(due)} due, {len(logged)} there; lacks {missing}, has {extra}"[:2000]]


def _settings(database_url: str, receiver: Receiver, **source: object) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "admin_key": "a" * 20,
            "encryption_keys": new_encryption_key(),
            "trusted_destinations": receiver.destination,
            **source,
        }
    )


@contextmanager
def _timed(report: Report, step: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    report.seconds[step] = time.perf_counter() - began
