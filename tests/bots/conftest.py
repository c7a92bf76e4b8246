"""Our bot, run by the real discord.py against a Discord of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from alerts.bootstrap import Services
from alerts.bots.discord import run_bot
from alerts.domain.deliveries import Channel, EndpointState
from alerts.pipeline.places import list_places
from alerts.store.endpoints import EndpointRecord
from tests.api.conftest import Api, open_api
from tests.discord.bots import TOKEN
from tests.discord.double import Discord
from tests.discord.interactions import Typed
from tests.discord.world import EVERYTHING, May
from tests.discord.world import Channel as Place

SETUP = {"day": 1, "hour": 9, "zone": "Europe/Berlin"}
DEADLINE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Chat:
    """A server with our bot in it, and the API beside."""

    api: Api
    discord: Discord

    @property
    def services(self) -> Services:
        return self.api.services

    async def type(self, words: str, place: Place, **options: object) -> Typed:
        """Somebody who may manage the server types this in a channel."""
        return await self.discord.interactions.type(words, channel=place, options=options)

    async def set_up(self, place: Place, **options: object) -> Typed:
        return await self.type("digest setup", place, channel=place, **{**SETUP, **options})

    async def may(self, place: Place, may: May) -> None:
        """Somebody changes what the bot may do in a channel."""
        place.may = may
        await self.discord.gateway.tell("CHANNEL_UPDATE", self.discord.gateway.placed(place))

    async def endpoints(self) -> list[EndpointRecord]:
        places = await list_places(channel=Channel.DISCORD, desk=self.services.desk)
        return [place.endpoint for place in places]

    async def wait_until(self, state: EndpointState) -> None:
        """Until one endpoint is in this state, which the bot brings about."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            # It is the database that knows, and it calls nobody.
            while [each.state for each in await self.endpoints()].count(state) != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def known(chat: Chat, *, may: May = EVERYTHING) -> Place:
    """A channel #market of a new server that the bot was just invited to."""
    place = chat.discord.world.channel("market")
    place.may = may
    await known_again(chat, place)
    return place


async def known_again(chat: Chat, place: Place) -> None:
    """The bot is invited to the channel's server, where it was before."""
    await chat.discord.gateway.tell("GUILD_CREATE", chat.discord.gateway.guild(place.guild_id))


@asynccontextmanager
async def running(services: Services, discord: Discord) -> AsyncIterator[None]:
    """The bot, until the block ends."""
    stop = asyncio.Event()
    bot = asyncio.create_task(run_bot(services, stop))
    waiting = asyncio.create_task(discord.gateway.wait_for_session())
    try:
        await asyncio.wait({bot, waiting}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        waiting.cancel()
        stop.set()
        await bot


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with Discord() as double:
        yield double


@pytest.fixture
async def chat(database_url: str, discord: Discord) -> AsyncIterator[Chat]:
    async with (
        open_api(database_url, discord_api_url=discord.api_url, discord_bot_token=TOKEN) as api,
        running(api.services, discord),
    ):
        yield Chat(api, discord)
