"""Workers killed dead, one after the other, in the midst of sending."""

import asyncio
import random
from contextlib import ExitStack
from pathlib import Path

from alerts.pipeline.turn import IN_FLIGHT
from tests.chaos.scene import (
    IS_LONG,
    PATIENCE_SECONDS,
    SlowReceiver,
    Watch,
    all_ended,
    assert_nothing_is_lost,
    interruptions,
    kill,
    settings_of,
    tell,
    worker,
)
from tests.workers.installation import opened, push, subscribe

KILLS = 60 if IS_LONG else 4
SECONDS_BETWEEN = 2.0 if IS_LONG else 0.0
ENDPOINTS = 10
TOKENS = 17 if IS_LONG else 25
OWED = KILLS * ENDPOINTS * TOKENS


async def test_workers_killed_again_and_again_lose_nothing(
    postgresql_url: str, redis_url: str, tmp_path: Path
) -> None:
    dice = random.Random(1)
    async with SlowReceiver() as receiver:
        settings = settings_of(postgresql_url, receiver, {"REDIS_URL": redis_url})
        async with opened(settings) as services:
            await subscribe(services, receiver, ENDPOINTS)
            await push(services, 0, tokens=TOKENS)
            watch = Watch(services, receiver)
            with ExitStack() as stack:
                crew = [stack.enter_context(worker(settings, tmp_path)) for _ in range(2)]
                for day in range(1, KILLS + 1):
                    came = len(receiver.requests)
                    await push(services, day, tokens=TOKENS)
                    more = dice.randrange(1, ENDPOINTS * TOKENS // 2)
                    await receiver.wait_for(came + more, within_seconds=PATIENCE_SECONDS)
                    await kill(crew.pop(0))
                    crew.append(stack.enter_context(worker(settings, tmp_path)))
                    await watch.look()
                    await asyncio.sleep(SECONDS_BETWEEN)
                await all_ended(services)
            await watch.look()
            repeats = await assert_nothing_is_lost(services, receiver, owed=OWED)
            cut_off = (await interruptions(services)).total()

    tell("kills", kills=KILLS, deliveries=OWED, lost=0, cut_off=cut_off, sent_again=repeats)
    assert watch.again == []
    assert repeats <= KILLS * ENDPOINTS * IN_FLIGHT
