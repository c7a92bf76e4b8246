"""How late retries are, with a thousand of them waiting: from their due time to their start.

A thousand endpoints answer 500. Their one delivery each is tried, waits, and is tried a second and
last time: after 5 to 15 s, one a hundredth of a second; or all within the same half second, which
also tells how long a thousand attempts take.
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
# Seconds until the first of them is due, and over which the others are spread; jitter adds a tenth.
FIRST = 5.0
SPREADS = {"spread": 10.0, "at once": 0.0}
ENOUGH_SECONDS = 120


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", MODES)
async def test_retries_are_made_when_they_are_due(
    name: str, spread: str, bench: Bench, ground: Ground, quick: bool
) -> None:
    count = ENDPOINTS // 10 if quick else ENDPOINTS
    receiver = bench.receiver.http
    async with ground.installed(MODES[name], trusted=urlsplit(receiver).netloc) as place:
        services = place.services
        for number in range(count):
            wait = FIRST + SPREADS[spread] * number / count
            wish = Wish(retry_schedule_seconds=(0.0, wait))
            url = f"{receiver}/fails/{number}"
            await create_webhook(HOUSE_APP, url, wish, desk=services.desk)
        async with place.at_work() as client:
            await push(client, cycle(0, [1], complete=True))
            await push(client, cycle(1, [1], complete=True))
            await until(services, "state = 'dead'", count, within_seconds=ENOUGH_SECONDS)
        late = await _late_ms(services)

    assert min(late) >= 0, f"a retry was {-min(late):.1f} ms early"
    say(f"{name}: {len(late)} retries, {spread}, the earliest {min(late):.1f} ms late;")
    say(f"  all {told(late)}")


async def _late_ms(services: Services) -> list[float]:
    query = text("SELECT started_at - scheduled_for FROM attempts WHERE number = 2")
    async with services.store.engine.connect() as connection:
        return [row[0] / 1000 for row in await connection.execute(query)]
