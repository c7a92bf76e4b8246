"""Many chats on one bot: told at the platform's pace, each once, and nobody is told to wait."""

import asyncio
from collections import Counter
from dataclasses import replace

from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.channels.telegram import TelegramSender
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.channels import TELEGRAM_POOL
from alerts.domain.deliveries import Channel, State
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.platforms import Watched
from alerts.store.tables import endpoints
from tests.channels.telegrams import at_once
from tests.pipeline.conftest import OpenServices, day, fan_out, log_of, push, upgrade_tokens
from tests.pipeline.crowd import gather_chats
from tests.rates import Rate
from tests.telegram.double import TOKEN, Rates, Telegram
from tests.telegram.world import Chat

CHATS = 45
# Few enough that all at once would be refused, with some room for a machine that stutters.
TAKEN = Rates(everything=Rate(36, 1.0))
# The platform's pace and ours, eight times as fast.
MANY = 500
FAST, FAST_TAKEN = 200.0, Rates(everything=Rate(240, 1.0))


async def followers(
    telegram: Telegram, services: Services, count: int = CHATS, *tokens: str, groups: int = 0
) -> list[Chat]:
    """Chats that follow these tokens, or all. groups: how many of them are no private chats."""
    made = [telegram.world.started(f"Person{number}") for number in range(count - groups)]
    made += [telegram.world.group(f"Group{number}") for number in range(groups)]
    await gather_chats(services, [TelegramChat(chat.id) for chat in made], *tokens)
    return made


def paced(services: Services, rate: float) -> Services:
    """The same, sending to all chats together at another pace."""
    return replace(services, rules=replace(services.rules, pools={TELEGRAM_POOL: rate}))


async def test_five_hundred_chats_are_told_at_the_platform_s_pace(open_with: OpenServices) -> None:
    async with Telegram(rates=FAST_TAKEN) as telegram:
        opened = await open_with(telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN)
        services = paced(opened, FAST)
        made = await followers(telegram, services, MANY, groups=MANY // 10)
        await upgrade_tokens(services, ["btc"])

        async with asyncio.timeout(60):
            await services.dispatcher().run_until_idle()

        assert Counter(len(chat.texts) for chat in made) == {1: MANY}
        assert Counter(call.status for call in telegram.calls()) == {200: MANY}
        assert {each.state for each in await log_of(services)} == {State.DELIVERED}


async def test_a_chat_that_owes_much_takes_its_turn_with_the_others_the_newest_first(
    open_with: OpenServices,
) -> None:
    async with Telegram() as telegram:
        opened = await open_with(telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN)
        # Of these lanes half are claimed at a time.
        services = paced(opened, CHATS / 2)
        watched = opened.senders[Channel.TELEGRAM]
        assert isinstance(watched, Watched)
        sender = watched.sender
        assert isinstance(sender, TelegramSender)
        fast = {Channel.TELEGRAM: replace(sender, restraint=at_once())}
        services = replace(services, senders={**services.senders, **fast})
        busy = telegram.world.started("Busy")
        await create_chat(TelegramChat(busy.id).kept, Wish(), most_rate=1, desk=services.desk)
        async with services.store.write() as tx:
            await tx.connection.execute(update(endpoints).values(rate_limit=CHATS))
        others = await followers(telegram, services, CHATS, "demo:new")
        owed = [f"t{number}" for number in range(50)]
        await push(services, day(0), dict.fromkeys([*owed, "new"], 50.0))
        for number in range(0, len(owed), 2):
            some = dict.fromkeys(owed[number : number + 2], 95.0)
            await push(services, day(1 + number), some, complete=False)
        await push(services, day(90), {"new": 95.0}, complete=False)
        await fan_out(services)
        stop = asyncio.Event()

        running = asyncio.create_task(services.dispatcher().run(stop))
        await telegram.people.wait_until(lambda: all(chat.texts for chat in others))
        stop.set()
        await running

        assert busy.texts[0].startswith("🟢 NEW ")
        told = [text.split()[1] for text in busy.texts[1:]]
        assert len(told) <= 5
        assert told == ["T48", "T49", "T46", "T47", "T44"][: len(told)]


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
