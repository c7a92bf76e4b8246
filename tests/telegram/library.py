"""python-telegram-bot, told where our Telegram is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from tests.telegram.double import TOKEN, Rates, Telegram

ALLOWED = ["message", "callback_query", "my_chat_member"]


@asynccontextmanager
async def library(double: Telegram, *, token: str = TOKEN) -> AsyncIterator[Bot]:
    async with Bot(token, base_url=f"{double.api_url}/bot") as bot:
        yield bot


@asynccontextmanager
async def both(*, rates: Rates | None = None) -> AsyncIterator[tuple[Telegram, Bot]]:
    async with Telegram(rates=rates) as double, library(double) as bot:
        yield double, bot


def keyboard(*labels: str, data: str = "v1:x") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(each, callback_data=data)] for each in labels]
    )
