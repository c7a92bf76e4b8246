"""The load of a comparison: cycles that change every grade, told to every endpoint."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from alerts.bootstrap import Services
from alerts.domain.grades import Kind, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.receive import receive
from alerts.store.cycles import Origin

SOURCE = source_name("bench")
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
LOW, HIGH = 50.0, 70.0


@dataclass(slots=True)
class Result:
    """What one run came to. steps: wall seconds.

    rss_mb: the most that was seen while it was measured, preparation left out.
    """

    side: str
    deliveries: int
    wall: float
    cpu: float
    rss_mb: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """How much: every one of `tokens` events goes to every one of `endpoints`.

    receiver: its URL without a path. day: of the cycle, from 1 on; each is news once.
    """

    receiver: str
    endpoints: int
    tokens: int
    day: int = 1

    @property
    def deliveries(self) -> int:
        """In all."""
        return self.endpoints * self.tokens


async def prepare(services: Services, load: Load) -> None:
    """What is there before the cycle of the day: the endpoints, and the baseline."""
    async with services.store.engine.connect() as connection:
        there = (await connection.execute(text("SELECT count(*) FROM endpoints"))).scalar_one()
    for number in range(there, load.endpoints):
        url = f"{load.receiver}/{number}"
        await create_webhook(HOUSE_APP, url, Wish(), desk=services.desk)
    if load.day == 1:
        await push(services, load.tokens, day=0, score=LOW)


async def push_day(services: Services, load: Load) -> None:
    """The cycle of the day: every grade is in another band than the day before."""
    await push(services, load.tokens, day=load.day, score=HIGH if load.day % 2 else LOW)


async def push(services: Services, tokens: int, *, day: int, score: float) -> None:
    """One cycle of so many tokens, all with this score, received and compared."""
    grades = tuple(
        read_grade(
            SOURCE,
            {
                "token_id": number,
                "symbol": f"T{number}",
                "name": f"Token {number}",
                "score": score,
                "components": {"ta_grade": score + 1.5, "quant_grade": score - 6},
            },
        )
        for number in range(tokens)
    )
    reading = Reading({FIRST_DAY + timedelta(days=day): grades})
    async with services.store.write() as tx:
        ids = await receive(
            tx, reading, source=SOURCE, kind=Kind.TRADER, complete=True, origin=Origin.PUSH
        )
    for cycle_id in ids:
        await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)


async def letters_of(services: Services, load: Load) -> list[tuple[str, bytes]]:
    """(id, body) of the day's events: what Gradebell would send."""
    await push_day(services, load)
    async with services.store.engine.connect() as connection:
        rows = await connection.execute(text("SELECT id, body FROM events ORDER BY sequence"))
        return [(row.id, bytes(row.body)) for row in rows]


async def logged(services: Services) -> tuple[int, int, int]:
    """How many deliveries came at their one attempt, deliveries in all, and attempts."""
    query = text(
        "SELECT (SELECT count(*) FROM deliveries WHERE state = 'delivered' AND attempts = 1),"
        " (SELECT count(*) FROM deliveries), (SELECT count(*) FROM attempts)"
    )
    async with services.store.engine.connect() as connection:
        came, due, tried = (await connection.execute(query)).one()
        return came, due, tried


def check_log(before: tuple[int, int, int], after: tuple[int, int, int], deliveries: int) -> None:
    """Raise unless each of so many deliveries came at its one attempt."""
    more = tuple(now - was for now, was in zip(after, before, strict=True))
    if more != (deliveries,) * 3:
        raise RuntimeError(f"{deliveries} were due, and the log has {more} more")
