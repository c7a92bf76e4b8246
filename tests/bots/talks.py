"""Our bot on Telegram, run by python-telegram-bot against a Telegram of our own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from alerts.bootstrap import Services
from alerts.bots.telegram import run_bot
from tests.api.conftest import Api, open_api
from tests.rates import Rate
from tests.telegram.double import TOKEN, Rates, Telegram
from tests.telegram.people import Pressed
from tests.telegram.world import Chat, Person

Message = Mapping[str, Any]

# How often the bot may speak is what few of them are about.
PATIENT = Rates(chat=Rate(1000, 1.0), group=Rate(1000, 1.0))


@dataclass(frozen=True, slots=True)
class Talk:
    """People, the bot, and the API beside it."""

    api: Api
    telegram: Telegram

    @property
    def services(self) -> Services:
        return self.api.services

    def somebody(self, first_name: str = "Ada") -> tuple[Person, Chat]:
        """Somebody who has not written to the bot, and the chat in which they may."""
        person = self.telegram.world.person(first_name)
        return person, self.telegram.world.chat_of(person)

    async def type(
        self, person: Person, text: str, *, chat: Chat | None = None, topic: int | None = None
    ) -> list[Message]:
        """Somebody types this; what the bot says there to it, once it is done with it."""
        place = chat or self.telegram.world.chat_of(person)
        before = len(said_by_bot(place))
        await self.telegram.people.type(person, text, chat=chat, topic=topic)
        await self.telegram.updates.wait_until_confirmed()
        return said_by_bot(place)[before:]

    async def press(self, person: Person, message: Message, label: str) -> Pressed:
        """Somebody presses a button; how that was answered, once the bot is done with it."""
        pressed = await self.telegram.people.press(person, message, label)
        await self.telegram.updates.wait_until_confirmed()
        return pressed


def said_by_bot(chat: Chat) -> list[Message]:
    """What the bot said in a chat, as it stands there now."""
    return [each for each in chat.messages if each["from"]["is_bot"] and "text" in each]


def labels(message: Message) -> list[str]:
    """What the buttons under a message say."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", ())
    return [button["text"] for row in rows for button in row]


@asynccontextmanager
async def running(services: Services, telegram: Telegram) -> AsyncIterator[None]:
    """The bot, until the block ends."""
    stop = asyncio.Event()
    bot = asyncio.create_task(run_bot(services, stop))
    waiting = asyncio.create_task(telegram.updates.wait_for_poll())
    try:
        await asyncio.wait({bot, waiting}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        waiting.cancel()
        stop.set()
        await bot


@asynccontextmanager
async def open_talk(
    database_url: str,
    *,
    rates: Rates = PATIENT,
    **knobs: Any,  # noqa: ANN401 - settings.
) -> AsyncIterator[Talk]:
    """The bot, the API and a Telegram."""
    async with (
        Telegram(rates=rates) as telegram,
        open_api(
            database_url,
            **{
                "telegram_api_url": telegram.api_url,
                "telegram_bot_token": TOKEN,
                **knobs,
            },
        ) as api,
        running(api.services, telegram),
    ):
        yield Talk(api, telegram)
