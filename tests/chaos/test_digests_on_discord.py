"""Different digests for many channels, due at once, while the workers that tell them are killed."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import State
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_discord
from alerts.store.tables import digests
from tests.chaos.scene import IS_LONG, PATIENCE_SECONDS, all_ended, kill, settings_of, tell, worker
from tests.cli.conftest import KEYS
from tests.discord.double import Discord
from tests.discord.limits import Rates
from tests.pipeline.conftest import TurnedClock, log_of, push, settings_for, token
from tests.pipeline.digesting import MONDAY, UNWANTED
from tests.rates import Rate
from tests.receiver import Receiver

CHANNELS, KILLS = (120, 6) if IS_LONG else (6, 1)
TOKENS = [f"t{number}" for number in range(60)]
BEGIN = datetime(2026, 1, 6, 12, tzinfo=UTC)


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    # All webhooks are looked up in a moment, which is not what is tried here.
    async with Discord(rates=Rates(everything=Rate(1000, 1.0))) as double:
        yield double


@asynccontextmanager
async def at_work(sqlite_url: str, discord: Discord, clock: TurnedClock) -> AsyncIterator[Services]:
    keys = KEYS["ENCRYPTION_KEYS"]
    settings = settings_for(sqlite_url, encryption_keys=keys, discord_api_url=discord.api_url)
    async with open_services(settings, clock=clock) as services:
        yield services


async def weeks_owed(services: Services, dice: random.Random, discord: Discord) -> None:
    """A digest for each channel, of tokens of its own, and changes that are to be told."""
    for _ in range(CHANNELS):
        tokens = [token(name) for name in dice.sample(TOKENS, 20)]
        wish = Wish(digest=MONDAY | {"tokens": tokens}, wanted=UNWANTED, tokens=["demo:nothing"])
        place = discord.world.webhook(discord.world.channel("market"))
        address = await services.desk.vet_discord(place.url)
        await create_discord(HOUSE_APP, address, wish, desk=services.desk)


async def all_told(services: Services) -> None:
    """Return once each endpoint's week is told, and what became of it is known."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await told(services) < CHANNELS:  # noqa: ASYNC110 - another process's doing.
            await asyncio.sleep(0.05)
    await all_ended(services)


async def told(services: Services) -> int:
    async with services.store.read() as tx:
        rows = await tx.connection.execute(select(func.count()).select_from(digests))
        return rows.scalar_one()


async def test_each_channel_has_its_week_once_and_with_its_picture_whoever_is_killed(
    sqlite_url: str, tmp_path: Path, discord: Discord
) -> None:
    dice, clock = random.Random(7), TurnedClock(BEGIN)
    async with Receiver() as receiver, at_work(sqlite_url, discord, clock) as services:
        for _ in range(2):
            await push(services, clock.at, {name: dice.uniform(5, 95) for name in TOKENS})
            clock.turn(timedelta(days=1))
        await weeks_owed(services, dice, discord)
        settings = settings_of(sqlite_url, receiver, {"DISCORD_API_URL": discord.api_url})

        for deaths in range(1, KILLS + 1):
            with worker(settings, tmp_path) as program:
                await discord.wait_for(
                    deaths * CHANNELS // (KILLS + 2), within_seconds=PATIENCE_SECONDS
                )
                await kill(program)
        with worker(settings, tmp_path):
            await all_told(services)

        posted = Counter(sent.channel_id for sent in discord.world.messages)
        assert max(posted.values()) == 1
        states = Counter(delivery.state for delivery in await log_of(services))
        # Who is killed between the beginning of an attempt and its answer leaves it unknown.
        assert states.keys() <= {State.DELIVERED, State.UNKNOWN}
        assert sum(states.values()) == CHANNELS
        assert len(posted) >= states[State.DELIVERED]
        assert states[State.UNKNOWN] <= 4 * KILLS
        assert all(sent.files for sent in discord.world.messages)
    tell("digests", kills=KILLS, told=len(posted), unknown=states[State.UNKNOWN])
