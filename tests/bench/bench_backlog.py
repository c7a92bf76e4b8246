"""What is new for one endpoint, while another one has fifty thousand deliveries waiting."""

from urllib.parse import urlsplit

import pytest

from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from tests.bench.installations import (
    MODES,
    Ground,
    Installation,
    changes_one_by_one,
    counted,
    cycle,
    push,
    told,
    until,
    waits_ms,
)
from tests.bench.loads import HIGH, LOW
from tests.bench.loads import push as push_directly
from tests.bench.runs import Bench, say

BACKLOG = 50_000
CHANGES = 200
ENOUGH_SECONDS = 60


@pytest.mark.parametrize("name", MODES)
async def test_what_is_new_beside_a_long_backlog(
    name: str, bench: Bench, ground: Ground, quick: bool
) -> None:
    backlog = BACKLOG // 10 if quick else BACKLOG
    receiver = bench.receiver.http
    async with ground.installed(MODES[name], trusted=urlsplit(receiver).netloc) as place:
        await _owe(place, receiver, backlog)
        async with place.at_work() as client:
            await push(client, cycle(0, [1], kind=Kind.FUNDAMENTAL, complete=True))

            async def is_going_on(made: int) -> bool:
                waiting = "state IN ('pending', 'sending') AND kind = 'trader'"
                return made < CHANGES and bool(await counted(place.services, waiting))

            made = await changes_one_by_one(client, 1, is_going_on)
            left = await counted(place.services, "state = 'pending' AND kind = 'trader'")
            told_of = "state = 'delivered' AND kind = 'fundamental'"
            await until(place.services, told_of, made, within_seconds=ENOUGH_SECONDS)
        waits = await waits_ms(place.services, Kind.FUNDAMENTAL)

    say(
        f"{name}: {len(waits)} changes while {backlog} waited for another endpoint"
        f" ({left} of them still at the end): first attempt after {told(waits)}"
    )


async def _owe(place: Installation, receiver: str, count: int) -> None:
    """So many deliveries to one endpoint, and another that waits for nothing yet."""
    services = place.services
    for path, kind in (("/busy", Kind.TRADER), ("/calm", Kind.FUNDAMENTAL)):
        wish = Wish(wanted=Filter(kinds=frozenset({kind})))
        await create_webhook(HOUSE_APP, receiver + path, wish, desk=services.desk)
    for day, score in enumerate((LOW, HIGH)):
        await push_directly(services, count, day=day, score=score)
    await fan_out_events(store=services.store, waker=services.waker)
