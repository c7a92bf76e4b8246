"""The pipeline as a process has it: services on a real database, and somebody who is told."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Table, select, text, type_coerce, update

from alerts.bootstrap import Services, open_services
from alerts.channels.guard import Lookup, system_lookup
from alerts.domain.grades import Grade, Kind, SourceName, TokenId, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Made, Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_cycles, fan_out_notices
from alerts.pipeline.receive import receive
from alerts.pipeline.recover import LANES_REPAIRED, reap
from alerts.ports import Clock
from alerts.settings import Settings
from alerts.store.counters import read_counter
from alerts.store.cycles import CycleRecord, Origin
from alerts.store.deliveries import AttemptRecord, DeliveryRecord, list_attempts
from alerts.store.events import EventRecord, list_events
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.tables import deliveries, endpoint_secrets, lanes, pools
from tests.given import Given
from tests.receiver import Receiver

SOURCE = source_name("demo")
START = datetime(2026, 1, 1, tzinfo=UTC)
# The same in every process of a test.
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
WAIT_SECONDS = 10.0

LANE_TIMES = {
    "due_at",
    "lease_until",
    "held_until",
    "next_slot_at",
    "opened_at",
    "failing_since",
    "warned_at",
}

Scores = Mapping[str, float | None]
OpenServices = Callable[..., Awaitable[Services]]


class TurnedClock:
    """A clock that stands still until it is turned; `monotonic` goes on as the machine's does."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def turn(self, by: timedelta) -> None:
        self.at += by


def settings_for(database_url: str, **knobs: Any) -> Settings:  # noqa: ANN401 - any setting.
    """Settings of a test: nothing is polled."""
    given: dict[str, Any] = {
        "database_url": database_url,
        "admin_key": "admin-key-of-a-test",
        "encryption_keys": KEY,
        "source": "none",
        **knobs,
    }
    return Given(**given)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def open_with(database_url: str, receiver: Receiver) -> AsyncIterator[OpenServices]:
    """Opens services on the test's database, each as another process would.

    At the end no lane was ever found asleep: a repair is a bug wherever it happens.
    """
    opened: list[Services] = []
    async with AsyncExitStack() as stack:

        async def run(
            *,
            clock: Clock | None = None,
            lookup: Lookup = system_lookup,
            **knobs: Any,  # noqa: ANN401 - any setting.
        ) -> Services:
            settings = settings_for(
                database_url, trusted_destinations=receiver.destination, **knobs
            )
            opening = open_services(settings, clock=clock, lookup=lookup)
            opened.append(await stack.enter_async_context(opening))
            return opened[-1]

        yield run
        for services in opened[:1]:
            assert await repairs(services) == 0


@pytest.fixture
async def services(open_with: OpenServices) -> Services:
    return await open_with()


async def repairs(services: Services) -> int:
    """What the reaper has had to repair, this last look included."""
    rules = services.rules
    await reap(store=services.store, repeatable=rules.repeatable, worker=rules.worker)
    async with services.store.read() as tx:
        return await read_counter(tx, LANES_REPAIRED)


def day(number: int) -> datetime:
    """Midnight of a day, 0 the first."""
    return START + timedelta(days=number)


def token(name: str, source: SourceName = SOURCE) -> TokenId:
    return TokenId(f"{source}:{name}")


def grades_of(scores: Scores, source: SourceName = SOURCE) -> tuple[Grade, ...]:
    """One grade for each token by name, its score in points."""
    return tuple(
        read_grade(source, {"token_id": name, "symbol": name.upper(), "name": name, "score": score})
        for name, score in scores.items()
    )


async def take_in(
    services: Services,
    as_of: datetime,
    scores: Scores,
    *,
    kind: Kind = Kind.TRADER,
    complete: bool = True,
    source: SourceName = SOURCE,
) -> str:
    """A pushed cycle as received; its id."""
    reading = Reading({as_of: grades_of(scores, source)})
    async with services.store.write() as tx:
        ids = await receive(
            tx, reading, source=source, kind=kind, complete=complete, origin=Origin.PUSH
        )
    return ids[0]


async def push(
    services: Services,
    as_of: datetime,
    scores: Scores,
    *,
    kind: Kind = Kind.TRADER,
    complete: bool = True,
    source: SourceName = SOURCE,
) -> CycleRecord:
    """A pushed cycle, sealed and diffed."""
    cycle_id = await take_in(services, as_of, scores, kind=kind, complete=complete, source=source)
    return await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)


async def subscribe(
    services: Services,
    url: str,
    *,
    app_id: str = HOUSE_APP,
    **wish: Any,  # noqa: ANN401 - any part of a wish.
) -> Made:
    """A webhook endpoint, for all tokens and both kinds unless the wish says otherwise."""
    return await create_webhook(app_id, url, Wish(**wish), desk=services.desk)


async def fan_out(services: Services, chunk_size: int = 5000) -> int:
    return await fan_out_cycles(store=services.store, waker=services.waker, chunk_size=chunk_size)


async def upgrade_tokens(services: Services, names: Sequence[str], *, since: int = 0) -> None:
    """An upgrade of each token: two cycles, fanned out. since: the first one's day."""
    await push(services, day(since), dict.fromkeys(names, 50.0))
    await push(services, day(since + 1), dict.fromkeys(names, 95.0))
    await fan_out(services)


async def dispatch(services: Services) -> None:
    """Send until nothing is due, what came of sending included."""
    async with asyncio.timeout(60):
        await fan_out_notices(store=services.store, waker=services.waker)
        await services.dispatcher().run_until_idle()
        while await fan_out_notices(store=services.store, waker=services.waker):
            await services.dispatcher().run_until_idle()


async def feed(services: Services) -> list[EventRecord]:
    """All events in order."""
    async with services.store.read() as tx:
        return await list_events(tx, after=0, limit=100_000, app_id=None)


async def log_of(services: Services, endpoint_id: str | None = None) -> list[DeliveryRecord]:
    """Deliveries in the order of their events."""
    async with services.store.read() as tx:
        found = await list_deliveries(
            tx, LogFilter(endpoint_id=endpoint_id), app_id=None, before=None, limit=100_000
        )
    return sorted(found, key=lambda delivery: (delivery.sequence, delivery.endpoint_id))


async def tries(services: Services, delivery: DeliveryRecord) -> list[AttemptRecord]:
    async with services.store.read() as tx:
        return await list_attempts(tx, delivery.id)


async def pass_time(services: Services, by: timedelta) -> None:
    """Let time pass for all that waits, on both databases: what is due is due sooner."""
    micros = by // timedelta(microseconds=1)
    passing: tuple[tuple[Table, tuple[Column[Any], ...]], ...] = (
        (lanes, tuple(column for column in lanes.c if column.name in LANE_TIMES)),
        (deliveries, (deliveries.c.due_at, deliveries.c.expires_at, deliveries.c.ended_at)),
        (pools, (pools.c.lease_until, pools.c.next_slot_at)),
        (endpoint_secrets, (endpoint_secrets.c.expires_at,)),
    )
    async with services.store.write() as tx:
        for table, columns in passing:
            sooner = {column.name: type_coerce(column, BigInteger) - micros for column in columns}
            await tx.connection.execute(update(table).values(sooner))


async def lane_of(services: Services, endpoint_id: str) -> Any:  # noqa: ANN401 - a row.
    async with services.store.read() as tx:
        query = select(lanes).where(lanes.c.endpoint_id == endpoint_id)
        return (await tx.connection.execute(query)).one()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once it holds; raises TimeoutError if it does not come to that."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what changes is in the database.
            await asyncio.sleep(0.005)


async def somebody_waits(services: Services) -> None:
    """Return once a connection waits for a lock that another holds.

    SQLite does not say so; there every writer waits for the one before, from its first statement.
    """
    if services.store.engine.dialect.name == "sqlite":
        return
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def is_so() -> bool:
        async with services.store.read() as tx:
            return bool((await tx.connection.execute(blocked)).scalar_one())

    await until(is_so)


async def finished(*tasks: "asyncio.Task[Any]") -> None:
    """End tasks of a test, whatever became of them."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
