"""Many chats on one bot: told at the platform's pace, each once, and nobody is told to wait."""

import asyncio
from collections import Counter

from alerts.bootstrap import Services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import State
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from tests.pipeline.conftest import OpenServices, log_of, upgrade_tokens
from tests.rates import Rate
from tests.telegram.double import TOKEN, Rates, Telegram
from tests.telegram.world import Chat

CHATS = 45
# Few enough that all at once would be refused, with some room for a machine that stutters.
TAKEN = Rates(everything=Rate(36, 1.0))


async def followers(telegram: Telegram, services: Services) -> list[Chat]:
    """Chats that follow all tokens."""
    made = [telegram.world.started(f"Person{number}") for number in range(CHATS)]
    for chat in made:
        place = TelegramChat(chat.id)
        await create_chat(place.kept, Wish(), most_rate=place.most_rate, desk=services.desk)
    return made


async def test_a_change_that_many_follow_goes_out_at_the_platform_s_pace(
    open_with: OpenServices,
) -> None:
    async with Telegram(rates=TAKEN) as telegram:
        services = await open_with(telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN)
        made = await followers(telegram, services)
        await upgrade_tokens(services, ["btc"])

        async with asyncio.timeout(60):
            await services.dispatcher().run_until_idle()

        assert Counter(len(chat.texts) for chat in made) == {1: CHATS}
        assert Counter(call.status for call in telegram.calls()) == {200: CHATS}
        assert {each.state for each in await log_of(services)} == {State.DELIVERED}


async def test_a_restart_in_the_midst_tells_nobody_twice_and_leaves_nobody_out(
    open_with: OpenServices,
) -> None:
    async with Telegram(rates=TAKEN) as telegram:
        knobs = {"telegram_api_url": telegram.api_url, "telegram_bot_token": TOKEN}
        services = await open_with(**knobs)
        made = await followers(telegram, services)
        await upgrade_tokens(services, ["btc"])
        stop = asyncio.Event()
        running = asyncio.create_task(services.dispatcher().run(stop))
        await telegram.people.wait_until(lambda: any(chat.texts for chat in made))
        stop.set()
        await running
        told = sum(len(chat.texts) for chat in made)

        async with asyncio.timeout(60):
            await (await open_with(**knobs)).dispatcher().run_until_idle()

        assert 0 < told < CHATS
        assert Counter(len(chat.texts) for chat in made) == {1: CHATS}
