"""How our bot answers on Telegram: there and then, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError

from alerts.bots.telegram_says import Said
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import Rows
from alerts.channels.telegram_markup import MOST_TEXT, Line, as_html, as_plain, length, say
from alerts.channels.wording import shown
from alerts.ports import Clock
from alerts.telemetry import Step, emit

# https://core.telegram.org/bots/api#answercallbackquery
LONGEST_HINT: Final = 200
# Whoever asked does not wait for an answer much longer.
LONGEST_WAIT_SECONDS: Final = 5.0
# Messages a second that are left beside those of the pool (`POOL_RATES`), of the 30 or so that
# Telegram takes, and how many it forgives at once.
ANSWERS_A_SECOND: Final = 5.0
AT_ONCE: Final = 20
# What a request that ended so had not sent, so that it may be made again.
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SAME: Final = "message is not modified"
_NO_MARKUP: Final = "can't parse entities"


class Voice:
    """Says what is said. What Telegram does not take is logged, and lost: nobody waits for it."""

    def __init__(self, bot: Bot, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock
        self._last_slot = float("-inf")

    async def say(self, chat: TelegramChat, said: Said) -> None:
        """A message of its own; of no lines, the hint."""
        lines = said.lines or ([[say(said.hint)]] if said.hint else ())
        if lines:
            await self._heard(chat, lambda: self._send(chat, _fitting(lines), said.buttons))

    async def rewrite(self, chat: TelegramChat, message_id: int, said: Said) -> None:
        """In place of a message of ours, a new one where that one is gone; or of its buttons."""
        edit = self._edit if said.lines else self._edit_buttons
        await self._heard(chat, lambda: edit(chat, message_id, said))

    async def hint(self, query_id: str, text: str = "") -> None:
        """End the waiting of whoever pressed a button; a text is shown for a moment."""
        words = shown(text, most=LONGEST_HINT) if text else None

        async def answer() -> None:
            try:
                await self._bot.answer_callback_query(query_id, words)
            except BadRequest:
                # It was pressed too long ago, before we were there.
                return

        await self._heard(None, answer)

    async def _turn(self) -> None:
        """Wait until one more message may be sent."""
        now, gap = self._clock.monotonic(), 1 / ANSWERS_A_SECOND
        self._last_slot = max(self._last_slot + gap, now - (AT_ONCE - 1) * gap)
        await asyncio.sleep(max(0.0, self._last_slot - now))

    async def _send(self, chat: TelegramChat, lines: Sequence[Line], buttons: Rows) -> None:
        async def send(chat: TelegramChat, *, is_plain: bool = False) -> None:
            await self._bot.send_message(
                chat.id,
                message_thread_id=chat.thread_id,
                **_composed(lines, buttons, is_plain=is_plain),
            )

        await self._turn()
        try:
            await _taken(lambda: send(chat))
        except ChatMigrated as error:
            moved = TelegramChat(error.new_chat_id)
            await _taken(lambda: send(moved))
        except BadRequest as error:
            if _NO_MARKUP not in error.message.lower():
                raise
            emit(Step.MARKUP_REFUSED, problem=error.message)
            await _taken(lambda: send(chat, is_plain=True))

    async def _edit(self, chat: TelegramChat, message_id: int, said: Said) -> None:
        lines = _fitting(said.lines)
        given = _composed(lines, said.buttons, is_plain=False)
        await self._turn()
        try:
            await _taken(
                lambda: self._bot.edit_message_text(chat_id=chat.id, message_id=message_id, **given)
            )
        except BadRequest as error:
            if _SAME not in error.message.lower():
                await self._send(chat, lines, said.buttons)

    async def _edit_buttons(self, chat: TelegramChat, message_id: int, said: Said) -> None:
        await self._turn()
        try:
            await _taken(
                lambda: self._bot.edit_message_reply_markup(
                    chat_id=chat.id, message_id=message_id, reply_markup=_keyboard(said.buttons)
                )
            )
        except BadRequest as error:
            if _SAME not in error.message.lower():
                raise

    async def _heard(self, chat: TelegramChat | None, tell: Callable[[], Awaitable[None]]) -> None:
        try:
            await tell()
        except TelegramError as error:
            emit(Step.ANSWER_LOST, chat=chat and chat.id, problem=error.message)


async def _taken(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask, and once more where nothing was sent, or Telegram asks for a moment.

    Raises TelegramError.
    """
    try:
        await ask()
    except RetryAfter as error:
        wait = seconds_asked(error)
        if wait > LONGEST_WAIT_SECONDS:
            raise
        await asyncio.sleep(wait)
        await ask()
    except NetworkError as error:
        if not isinstance(error.__cause__, _UNSENT):
            raise
        await ask()


def seconds_asked(error: RetryAfter) -> float:
    """How long Telegram asks to be left alone; a number, or soon a duration."""
    asked = error.retry_after
    return asked.total_seconds() if isinstance(asked, timedelta) else float(asked)


def _fitting(lines: Sequence[Line]) -> Sequence[Line]:
    """As many lines as a message takes."""
    kept = list(lines)
    while len(kept) > 1 and length(kept) > MOST_TEXT:
        kept.pop()
    return kept


def _composed(lines: Sequence[Line], buttons: Rows, *, is_plain: bool) -> dict[str, Any]:
    return {
        "text": as_plain(lines) if is_plain else as_html(lines),
        "parse_mode": None if is_plain else "HTML",
        "link_preview_options": LinkPreviewOptions(is_disabled=True),
        "reply_markup": _keyboard(buttons),
    }


def _keyboard(buttons: Rows) -> InlineKeyboardMarkup | None:
    rows = [
        [InlineKeyboardButton(each.label, callback_data=each.wanted.data) for each in row]
        for row in buttons
    ]
    return InlineKeyboardMarkup(rows) if rows else None
