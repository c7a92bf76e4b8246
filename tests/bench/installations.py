"""Installations that are pushed to and deliver while somebody takes the time.

The API and its workers are programs of their own; the measuring process sees their database.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import httpx
from sqlalchemy import text

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from tests.api.conftest import NO_TLS
from tests.cli.conftest import KEYS
from tests.cli.processes import COMMAND, Program, running
from tests.programs import LOOPBACK, free_port
from tests.workers.installation import opened

ONE_PROCESS = (sys.executable, "-m", "tests.bench.one_process")
HEADERS = {"authorization": f"Bearer {KEYS['ADMIN_KEY']}"}
# Each day's score is in another band than the day before's.
SCORES = (50.0, 85.0, 30.0)
SOURCE = "bench"
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
# Between two changes that come one by one, at most: nothing is awake because of the one before.
LONGEST_PAUSE_SECONDS = 0.2
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Mode:
    """How it is installed. workers: processes of their own, 0 where one process is all there is."""

    database: str
    workers: int = 0
    with_redis: bool = False


SQLITE = Mode("sqlite")
SHARED = Mode("postgresql", workers=2, with_redis=True)
MODES = {"one process, SQLite": SQLITE, "two workers, PostgreSQL, Redis": SHARED}


@dataclass(frozen=True, slots=True)
class Installation:
    """What there is before it runs. settings: without prefix; api: the URL it will answer on."""

    mode: Mode
    settings: Mapping[str, str]
    api: str
    services: Services
    folder: Path

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[httpx.AsyncClient]:
        """API and workers that run; a client of the API."""
        with ExitStack() as stack:
            client = httpx.AsyncClient(
                base_url=self.api, verify=NO_TLS, timeout=30, headers=HEADERS
            )
            workers: list[Sequence[str]] = [(*COMMAND, "worker")] * self.mode.workers or [
                ONE_PROCESS
            ]
            programs = [self._run(stack, words) for words in workers]
            if self.mode.workers:
                self._run(stack, [*COMMAND, "api"])
            async with client:
                for program in programs:
                    await asyncio.to_thread(program.wait_for, "worker.started")
                await _until_ready(client)
                yield client

    def _run(self, stack: ExitStack, words: Sequence[str]) -> Program:
        return stack.enter_context(running([], self.folder, self.settings, command=words))


@dataclass(frozen=True, slots=True)
class Ground:
    """Where installations are made. new_database: of `sqlite` or `postgresql`, each a new one."""

    new_database: Callable[[str], AbstractContextManager[str]]
    redis_url: str
    folder: Path

    @asynccontextmanager
    async def installed(self, mode: Mode, *, trusted: str) -> AsyncIterator[Installation]:
        """An installation on a new database. trusted: where the receiver is."""
        port = free_port()
        with self.new_database(mode.database) as url:
            settings = {
                **KEYS,
                "DATABASE_URL": url,
                "REDIS_URL": self.redis_url if mode.with_redis else "",
                "SOURCE": "none",
                "PORT": str(port),
                "KEY_REQUESTS_PER_SECOND": "10000",
                "TRUSTED_DESTINATIONS": trusted,
            }
            async with opened(settings) as services:
                api = f"http://{LOOPBACK}:{port}"
                yield Installation(mode, settings, api, services, self.folder)


def cycle(
    day: int, tokens: Sequence[int], *, kind: Kind = Kind.TRADER, complete: bool
) -> dict[str, object]:
    """The body of a push; day: from 0, which is no news, on."""
    return {
        "source": SOURCE,
        "kind": str(kind),
        "as_of": (FIRST_DAY + timedelta(days=day)).isoformat(),
        "complete": complete,
        "grades": [
            {
                "token_id": str(token),
                "symbol": f"T{token}",
                "name": f"Token {token}",
                "score": SCORES[day % len(SCORES)],
            }
            for token in tokens
        ],
    }


async def push(client: httpx.AsyncClient, body: Mapping[str, object]) -> str:
    """A cycle's id, once it is accepted."""
    answer = await client.post("/v1/cycles", json=body)
    if answer.status_code != httpx.codes.CREATED:
        raise RuntimeError(answer.text)
    return str(answer.json()["id"])


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)


async def changes_one_by_one(
    client: httpx.AsyncClient, first: int, is_going_on: Callable[[int], Awaitable[bool]]
) -> int:
    """Changes of a token's fundamental grade, from the day `first` on; how many there were.

    is_going_on: whether to go on, told how many there were so far.
    """
    dice = random.Random(first)
    made = 0
    while await is_going_on(made):
        day = first + made
        await push(client, cycle(day, [1], kind=Kind.FUNDAMENTAL, complete=True))
        made += 1
        await asyncio.sleep(dice.uniform(0, LONGEST_PAUSE_SECONDS))
    return made


async def counted(services: Services, where: str) -> int:
    """How many deliveries there are of which this is so. where: in SQL."""
    query = text(f"SELECT count(*) FROM deliveries WHERE {where}")  # noqa: S608 - our own words.
    async with services.store.engine.connect() as connection:
        return int((await connection.execute(query)).scalar_one())


async def until(services: Services, where: str, count: int, *, within_seconds: float) -> None:
    """Return once it is so of as many deliveries. Raises TimeoutError."""
    async with asyncio.timeout(within_seconds):
        while await counted(services, where) < count:  # noqa: ASYNC110 - the workers' doing.
            await asyncio.sleep(0.2)


async def waits_ms(services: Services, kind: Kind) -> list[float]:
    """Milliseconds from the record of each event of a kind to its first attempt, in their order."""
    query = text(
        "SELECT a.started_at - e.recorded_at FROM events e JOIN deliveries d ON d.event_id = e.id"
        " JOIN attempts a ON a.delivery_id = d.id AND a.number = 1"
        " WHERE e.kind = :kind ORDER BY e.sequence"
    )
    async with services.store.engine.connect() as connection:
        rows = await connection.execute(query, {"kind": str(kind)})
        return [row[0] / 1000 for row in rows]


def marks(milliseconds: Sequence[float]) -> tuple[float, float, float, float]:
    """p50, p95, p99 and the most."""
    found = quantiles(milliseconds, n=100, method="inclusive")
    return found[49], found[94], found[98], max(milliseconds)


def told(milliseconds: Sequence[float]) -> str:
    """The same in words."""
    p50, p95, p99, most = marks(milliseconds)
    return f"p50 {p50:6.1f}  p95 {p95:6.1f}  p99 {p99:6.1f}  most {most:6.1f} ms"
