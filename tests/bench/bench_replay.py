"""How long what is new waits while its endpoint is sent again what it missed."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_webhook, enable, pause
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.replay import Wanted, replay
from alerts.store.replays import ReplayRecord, find_replay, read_progress
from tests.bench.installations import (
    MODES,
    Ground,
    changes_one_by_one,
    cycle,
    marks,
    push,
    told,
    until,
    waits_ms,
)
from tests.bench.loads import HIGH, LOW
from tests.bench.loads import push as push_directly
from tests.bench.runs import Bench, say

BACKLOG = 10_000
CHANGES = 150
ENOUGH_SECONDS = 120
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", MODES)
async def test_what_is_new_during_a_replay(
    name: str, bench: Bench, ground: Ground, quick: bool
) -> None:
    backlog = BACKLOG // 10 if quick else BACKLOG
    receiver = bench.receiver.http
    async with ground.installed(MODES[name], trusted=urlsplit(receiver).netloc) as place:
        services = place.services
        endpoint_id = await _missed(services, f"{receiver}/hook", backlog)
        async with place.at_work() as client:
            await push(client, cycle(0, [1], kind=Kind.FUNDAMENTAL, complete=True))

            async def is_calm(made: int) -> bool:
                return made < (CHANGES // 5 if quick else CHANGES)

            calm = await changes_one_by_one(client, 1, is_calm)
            record = await replay(
                endpoint_id,
                Wanted(since=LONG_AGO),
                app_id=None,
                store=services.store,
                waker=services.waker,
            )

            async def is_replaying(_made: int) -> bool:
                return await _left(services, record) > 0

            busy = await changes_one_by_one(client, 1 + calm, is_replaying)
            of_these = "state = 'delivered' AND kind = 'fundamental'"
            await until(services, of_these, calm + busy, within_seconds=ENOUGH_SECONDS)
        waits = await waits_ms(services, Kind.FUNDAMENTAL)

    before, during = waits[:calm], waits[calm:]
    say(f"{name}: first attempt of a change of {calm} after {told(before)};")
    say(f"  of {busy} while {backlog} were sent again after {told(during)}")
    say(f"  p95 {marks(during)[1] / marks(before)[1]:.2f} times as long")


async def _missed(services: Services, url: str, count: int) -> str:
    """An endpoint that was paused while so much was told; its id."""
    made = await create_webhook(HOUSE_APP, url, Wish(), desk=services.desk)
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    for day, score in enumerate((LOW, HIGH)):
        await push_directly(services, count, day=day, score=score)
    await fan_out_events(store=services.store, waker=services.waker)
    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    return made.endpoint.id


async def _left(services: Services, record: ReplayRecord) -> int:
    async with services.store.read() as tx:
        (progress,) = await read_progress(tx, [await find_replay(tx, record.id) or record])
    return record.total - progress.delivered - progress.failed - progress.skipped
