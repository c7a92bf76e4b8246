"""How late retries are, with a thousand of them waiting: from their due time to their start.

A thousand endpoints answer 500. Their one delivery each is tried, waits for five seconds and up to
a tenth more by chance, and is tried a second and last time.
"""

from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from alerts.bootstrap import Services
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_webhook
from tests.bench.installations import MODES, Ground, cycle, push, told, until
from tests.bench.runs import Bench, say

ENDPOINTS = 1000
SCHEDULE = (0.0, 5.0)
ENOUGH_SECONDS = 120


@pytest.mark.parametrize("name", MODES)
async def test_retries_are_made_when_they_are_due(
    name: str, bench: Bench, ground: Ground, quick: bool
) -> None:
    count = ENDPOINTS // 10 if quick else ENDPOINTS
    receiver = bench.receiver.http
    async with ground.installed(MODES[name], trusted=urlsplit(receiver).netloc) as place:
        services = place.services
        for number in range(count):
            wish = Wish(retry_schedule_seconds=SCHEDULE)
            url = f"{receiver}/fails/{number}"
            await create_webhook(HOUSE_APP, url, wish, desk=services.desk)
        async with place.at_work() as client:
            await push(client, cycle(0, [1], complete=True))
            await push(client, cycle(1, [1], complete=True))
            await until(services, "state = 'dead'", count, within_seconds=ENOUGH_SECONDS)
        late = await _late_ms(services)

    assert min(late) >= 0, f"a retry was {-min(late):.1f} ms early"
    say(f"{name}: {len(late)} retries, late by {told(late)}; the earliest {min(late):.1f} ms")


async def _late_ms(services: Services) -> list[float]:
    query = text("SELECT started_at - scheduled_for FROM attempts WHERE number = 2")
    async with services.store.engine.connect() as connection:
        return [row[0] / 1000 for row in await connection.execute(query)]
