"""Digests over thirty zones, by two schedulers that are killed and come late: a year, or spring."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import pytest
from sqlalchemy import select

from alerts.bootstrap import Services, open_services
from alerts.domain.events import EventType
from alerts.domain.weeks import Occasion, Schedule, next_occasion
from alerts.store.digests import DigestRecord
from alerts.store.rows import record_of
from alerts.store.tables import deliveries, digests, events
from tests.chaos.scene import IS_LONG
from tests.domain.test_weeks import ZONES
from tests.pipeline.conftest import TurnedClock, push, settings_for, subscribe

BEGIN = datetime(2026, 1, 1, tzinfo=UTC) if IS_LONG else datetime(2026, 3, 5, tzinfo=UTC)
END = BEGIN + timedelta(days=371 if IS_LONG else 45)
# Meanwhile nobody looks.
SILENCE = (BEGIN + timedelta(days=12), BEGIN + timedelta(days=34))
LOOK = timedelta(hours=18)
TOKENS = ("a", "b", "c", "d")


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(BEGIN)


@pytest.fixture
async def schedulers(sqlite_url: str, clock: TurnedClock) -> AsyncIterator[list[Services]]:
    settings = settings_for(sqlite_url, trusted_destinations="127.0.0.1:1")
    async with (
        open_services(settings, clock=clock) as left,
        open_services(settings, clock=clock) as right,
    ):
        yield [left, right]


async def look(services: Services) -> None:
    run = services.digest_run()
    for endpoint_id in await run.due():
        await run.tell(endpoint_id)


async def cut_off(work: asyncio.Task[None], turns: int) -> None:
    """Kill a scheduler after so many turns of the loop, wherever it is then."""
    for _ in range(turns):
        await asyncio.sleep(0)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def weeks_of(services: Services) -> dict[str, list[DigestRecord]]:
    """The weeks of each endpoint, in order."""
    query = select(digests).order_by(digests.c.endpoint_id, digests.c.period)
    found: dict[str, list[DigestRecord]] = defaultdict(list)
    async with services.store.read() as tx:
        for row in await tx.connection.execute(query):
            found[row.endpoint_id].append(record_of(row, DigestRecord))
    return found


async def test_each_local_week_is_told_once_and_each_event_in_one_of_them(
    schedulers: list[Services], clock: TurnedClock
) -> None:
    dice = random.Random(4)
    plans: dict[str, Schedule] = {}
    for number, zone in enumerate(ZONES):
        plan = Schedule(1 + number % 7, (0, 2, 3, 9, 23)[number % 5], zone)
        block = {"weekday": plan.weekday, "hour": plan.hour, "time_zone": zone}
        made = await subscribe(
            schedulers[0], f"http://127.0.0.1:1/{number}", digest={**block, "when_empty": "say"}
        )
        plans[made.endpoint.id] = plan
    while clock.at < END:
        clock.turn(LOOK)
        scores = {name: dice.choice([10.0, 50.0, 90.0]) for name in TOKENS}
        await push(schedulers[0], clock.at, scores)
        if SILENCE[0] < clock.at < SILENCE[1] or dice.random() < 0.1:
            continue  # nobody looks
        looking = [asyncio.create_task(look(services)) for services in schedulers]
        if dice.random() < 0.3:
            await cut_off(looking.pop(), dice.randrange(60))
        await asyncio.gather(*looking)

    told = await weeks_of(schedulers[0])
    moments = await recorded(schedulers[0])
    assert told.keys() == plans.keys()
    for endpoint_id, weeks in told.items():
        occasions = expected(plans[endpoint_id], weeks[-1])
        # Each stands for itself and for those before it that nobody looked at.
        places = [place - 1 for place in accumulate(week.weeks for week in weeks)]
        assert places[-1] == len(occasions) - 1
        assert [(week.scheduled_at, week.period) for week in weeks] == [
            (occasions[place].at, occasions[place].period) for place in places
        ]
        assert max(week.weeks for week in weeks) in {3, 4}
        assert all(b.from_sequence == a.through_sequence for a, b in pairwise(weeks))
        for week in weeks:
            assert all(
                (number <= week.through_sequence) == (moment < week.scheduled_at)
                for number, moment in moments
            )
    assert await owed(schedulers[0]) == Counter(
        (endpoint_id, week.event_id) for endpoint_id, weeks in told.items() for week in weeks
    )


def expected(plan: Schedule, last: DigestRecord) -> list[Occasion]:
    """Every occasion of a plan up to the last that was told, which is of the last week."""
    occasions = [next_occasion(plan, BEGIN)]
    while occasions[-1].at < last.scheduled_at:
        occasions.append(next_occasion(plan, occasions[-1].at))
    assert next_occasion(plan, last.scheduled_at).at > END - LOOK
    return occasions


async def recorded(services: Services) -> list[tuple[int, datetime]]:
    query = select(events.c.sequence, events.c.recorded_at)
    async with services.store.read() as tx:
        return [(row[0], row[1]) for row in await tx.connection.execute(query)]


async def owed(services: Services) -> Counter[tuple[str, str | None]]:
    """Digests by endpoint and event."""
    query = (
        select(deliveries.c.endpoint_id, events.c.id)
        .join_from(deliveries, events, events.c.id == deliveries.c.event_id)
        .where(events.c.type == EventType.DIGEST_WEEKLY)
    )
    async with services.store.read() as tx:
        return Counter((row[0], row[1]) for row in await tx.connection.execute(query))
