"""A platform that refuses our own bot: no endpoint is closed, and the operator is told once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.discord import run_bot as run_on_discord
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import Channel, EndpointState
from alerts.domain.events import EventType
from alerts.errors import SettingsInvalid
from alerts.pipeline.platforms import note_accepted, note_refused
from tests.api.conftest import Api, open_api
from tests.bots.talks import open_talk, running
from tests.discord.bots import TOKEN as DISCORD_TOKEN
from tests.discord.double import Discord
from tests.pipeline.conftest import feed
from tests.telegram.double import TOKEN, Telegram

NOTICES = (EventType.CHANNEL_FAILING, EventType.CHANNEL_RECOVERED)
ANOTHER = f"{TOKEN}x"


async def told(services: Services) -> list[EventType]:
    """What the operator was told, in order."""
    return [each.type for each in await feed(services) if each.type in NOTICES]


async def wait_until_told(services: Services, *expected: EventType) -> None:
    async with asyncio.timeout(10):
        # It is the database that knows, and it calls nobody.
        while await told(services) != [*expected]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    async with Telegram() as double:
        yield double


async def test_the_operator_is_told_once_and_once_when_it_is_over(services: Services) -> None:
    for _ in range(3):
        await note_refused(Channel.TELEGRAM, "it is not taken", store=services.store)
    await note_refused(Channel.DISCORD, "it is not taken", store=services.store)
    failing = await told(services)
    for _ in range(3):
        await note_accepted(Channel.TELEGRAM, store=services.store)

    assert failing == [EventType.CHANNEL_FAILING] * 2
    assert await told(services) == [*failing, EventType.CHANNEL_RECOVERED]


async def test_two_who_learn_of_it_at_once_tell_it_once(services: Services) -> None:
    for note in (note_refused, note_accepted):
        more = {"detail": "it is not taken"} if note is note_refused else {}
        await asyncio.gather(
            *(note(Channel.TELEGRAM, store=services.store, **more) for _ in range(4))
        )

    assert await told(services) == [*NOTICES]


async def test_who_sends_with_a_token_of_nobody_s_tells_it_and_closes_nothing(
    database_url: str, telegram: Telegram
) -> None:
    knobs = {"telegram_api_url": telegram.api_url, "telegram_bot_token": TOKEN}
    telegram.token = ANOTHER
    for _ in range(2):  # A restart is no news.
        async with open_api(database_url, **knobs) as api:
            await deliver(api, telegram)
            await wait_until_told(api.services, EventType.CHANNEL_FAILING)
    telegram.token = TOKEN
    async with open_api(database_url, **knobs) as api:
        await deliver(api, telegram)
        await wait_until_told(api.services, *NOTICES)
        listed = (await api.get("/v1/endpoints")).json()["data"]

    assert {each["state"] for each in listed} == {EndpointState.ACTIVE}


async def deliver(api: Api, telegram: Telegram) -> None:
    """A test message to a chat, a new one each time."""
    chat = telegram.world.started()
    made = await ChatDesk(api.services).ensure(TelegramChat(chat.id), "Ada")
    answer = await api.post(f"/v1/endpoints/{made.id}/test")
    assert answer.status_code in {200, 201, 202}, answer.text
    await api.services.dispatcher().run_until_idle()


async def test_a_bot_that_is_refused_tells_it_and_one_that_is_taken_again_too(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, _ = talk.somebody()
        talk.telegram.token = ANOTHER
        # The poll that was begun with the old one ends.
        await talk.telegram.people.type(ada, "/help")
        await wait_until_told(talk.services, EventType.CHANNEL_FAILING)
        talk.telegram.token = TOKEN
        await wait_until_told(talk.services, *NOTICES)


async def test_a_bot_that_starts_refused_is_there_once_it_is_taken(
    sqlite_url: str, telegram: Telegram
) -> None:
    knobs = {"telegram_api_url": telegram.api_url, "telegram_bot_token": TOKEN}
    telegram.token = ANOTHER
    async with open_api(sqlite_url, **knobs) as api:
        running_bot = asyncio.create_task(attend(api.services, telegram))
        await wait_until_told(api.services, EventType.CHANNEL_FAILING)
        telegram.token = TOKEN
        await wait_until_told(api.services, *NOTICES)
        await running_bot


async def test_a_bot_on_discord_that_is_refused_tells_it_and_one_that_is_taken_too(
    sqlite_url: str,
) -> None:
    async with Discord() as discord:
        knobs = {"discord_api_url": discord.api_url, "discord_bot_token": "another"}
        for _ in range(2):
            async with open_api(sqlite_url, **knobs) as api:
                with pytest.raises(SettingsInvalid):
                    await run_on_discord(api.services, asyncio.Event())
                assert await told(api.services) == [EventType.CHANNEL_FAILING]
        knobs["discord_bot_token"] = DISCORD_TOKEN
        async with open_api(sqlite_url, **knobs) as api:
            stop = asyncio.Event()
            bot = asyncio.create_task(run_on_discord(api.services, stop))
            await wait_until_told(api.services, *NOTICES)
            stop.set()
            await bot


async def attend(services: Services, telegram: Telegram) -> None:
    async with running(services, telegram):
        await wait_until_told(services, *NOTICES)
