"""An installation as tests see it: the same database as the worker's, from another process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from alerts.bootstrap import Services, open_services
from alerts.domain.grades import Kind, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.receive import receive
from alerts.ports import Call
from alerts.settings import Settings
from alerts.store.cycles import Origin
from alerts.store.deliveries import count_by_state
from tests.receiver import Receiver

SOURCE = source_name("models")
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
# Each day's score is another band than the day before's: every token is told of every day.
SCORES = (50, 85, 30)


@asynccontextmanager
async def opened(settings: Mapping[str, str]) -> AsyncIterator[Services]:
    """Services of the same installation. settings: without their prefix."""
    given = {name.lower(): value for name, value in settings.items()}
    async with open_services(Settings.model_validate(given)) as services:
        yield services


async def subscribe(services: Services, receiver: Receiver, count: int = 1) -> None:
    """So many endpoints, each at a path of its own."""
    for place in range(count):
        url = receiver.url(f"/{place}")
        await create_webhook(HOUSE_APP, url, Wish(), desk=services.desk)


async def take_in(
    services: Services, day: int, *, tokens: int = 5, kind: Kind = Kind.TRADER
) -> str:
    """Receive a day's cycle and leave it at that; its id."""
    grades = tuple(
        read_grade(SOURCE, {"token_id": token, "score": SCORES[day % len(SCORES)]})
        for token in range(tokens)
    )
    reading = Reading({FIRST_DAY + timedelta(days=day): grades})
    async with services.store.write() as tx:
        (cycle_id,) = await receive(
            tx, reading, source=SOURCE, kind=kind, complete=True, origin=Origin.PUSH
        )
    return cycle_id


async def push(services: Services, day: int, *, tokens: int = 5, kind: Kind = Kind.TRADER) -> None:
    """A day's cycle, as the API takes one."""
    cycle_id = await take_in(services, day, tokens=tokens, kind=kind)
    await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
    await services.waker.wake(Call.CYCLES)


async def states(services: Services) -> dict[str, int]:
    """Deliveries by state."""
    async with services.store.read() as tx:
        return {str(state): count for state, count in (await count_by_state(tx)).items()}


async def wait_for_states(
    services: Services, expected: Mapping[str, int], *, within_seconds: float = 20
) -> None:
    """Return once deliveries are in these states; raises TimeoutError if they do not come to be."""
    async with asyncio.timeout(within_seconds):
        while True:
            if await states(services) == expected:
                return
            await asyncio.sleep(0.02)
