"""Our bot on Telegram: one process that asks for updates, handles them, and only then confirms.

It answers what is typed and pressed; what is due is sent by the workers. Two processes that ask
would take each other's updates, so a lease says which one does.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlencode

from telegram import Bot
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from alerts.bootstrap import Services
from alerts.bots.leader import lead, wait_for
from alerts.bots.telegram_commands import Registry, offer
from alerts.bots.telegram_door import Door
from alerts.bots.telegram_updates import SIDE_BY_SIDE, Handled, InHand
from alerts.bots.telegram_voice import seconds_asked
from alerts.channels.telegram_answers import REFUSED_DETAIL
from alerts.domain.deliveries import Channel
from alerts.errors import SettingsInvalid, StorageFailed
from alerts.pipeline.platforms import note_accepted, note_refused
from alerts.settings import Settings
from alerts.telemetry import Step, emit, fail

# The lease that the one bot holds; no lane is in a pool of this name.
LEADER: Final = "telegram-bot"
# How long Telegram waits for something to tell us of; it takes 50 at most.
POLL_SECONDS: Final = 30
# Said each time, for Telegram keeps what was said last: https://core.telegram.org/bots/api#update
ALLOWED: Final = ("message", "callback_query", "my_chat_member")
# Waits after a refusal or none at all, doubling, until Telegram answers again.
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 60.0
# A session ends by itself only where something broke that should not.
PAUSES: Final = (5.0, 300.0)
# How long what is being answered may go on once the bot is asked to end, and the rest of the end.
FINISHING_SECONDS: Final = 2.0
CLOSING_SECONDS: Final = 3.0
# Telegram holds an answer back for up to 8 s where a bot says too much, and then takes it:
# https://github.com/tdlib/td, NetQueryCreator.cpp
ANSWER_SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 5.0


class TelegramBot:
    """A session: from who we are to the last update."""

    def __init__(self, services: Services, handled: Handled) -> None:
        self._services = services
        self._in_hand = InHand(handled)
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._was_taken: bool | None = None
        self.was_ready = False

    async def attend(self) -> None:
        """Handle what comes, until `close`; no refusal of Telegram's ends it."""
        try:
            await self._attend()
        finally:
            self._ended.set()

    async def _attend(self) -> None:
        async with _connected(self._services.settings) as (bot, polls):
            try:
                door: Door | None = None
                pause = FIRST_PAUSE_SECONDS
                while not self._closing.is_set():
                    try:
                        door = door or await self._begin(bot)
                        updates = await self._poll(polls, seconds=POLL_SECONDS)
                    except TelegramError as error:
                        # Whether a token is taken again, a poll would say half a minute later.
                        door = None if isinstance(error, InvalidToken) else door
                        wait = max(pause, await self._troubled(error))
                        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                        await wait_for(self._closing, wait)
                        continue
                    pause = FIRST_PAUSE_SECONDS
                    await self._in_hand.take(updates, door, bot)
                await self._in_hand.wait(FINISHING_SECONDS)
                await self._confirm(polls)
            finally:
                await self._in_hand.end()

    async def close(self) -> None:
        """End the session; what is being answered may end, and is confirmed."""
        self._closing.set()
        await wait_for(self._ended, CLOSING_SECONDS)

    async def _begin(self, bot: Bot) -> Door:
        """Learn who we are, and have a menu. Raises TelegramError."""
        us = await bot.get_me()
        # A webhook that somebody forgot would have all of it; what waits is kept.
        await bot.delete_webhook()
        registry = Registry.of(self._services)
        try:
            offered = await offer(bot, registry)
        except TelegramError as error:
            # People type without a menu, too.
            fail(Step.JOB_FAILED, error, job="bot")
            offered = 0
        if offered:
            emit(Step.BOT_OFFERED, commands=len(registry.commands), menus=offered)
        await self._taken(is_taken=True)
        self.was_ready = True
        emit(Step.BOT_STARTED, channel="telegram", link=us.link)
        return Door(bot, registry, services=self._services)

    async def _troubled(self, error: TelegramError) -> float:
        """Say what keeps us from updates; seconds that Telegram asked us to wait."""
        emit(Step.BOT_REFUSED, channel="telegram", problem=_problem(error))
        if isinstance(error, InvalidToken):
            await self._taken(is_taken=False)
        return seconds_asked(error) if isinstance(error, RetryAfter) else 0.0

    async def _taken(self, *, is_taken: bool) -> None:
        """Tell the operator whether Telegram takes our token, where that is news to us."""
        if self._was_taken is is_taken:
            return
        store = self._services.store
        try:
            if is_taken:
                await note_accepted(Channel.TELEGRAM, store=store)
            else:
                await note_refused(Channel.TELEGRAM, REFUSED_DETAIL, store=store)
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="bot")
        else:
            self._was_taken = is_taken

    async def _poll(self, polls: "_Polls", *, seconds: int) -> Sequence[dict[str, Any]]:
        """Confirm what was handled, and wait for more; none where we are to end meanwhile."""
        polling = asyncio.create_task(polls.ask(self._in_hand.offset, seconds=seconds))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({polling, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                return []
            return polling.result()
        finally:
            polling.cancel()
            closing.cancel()
            await asyncio.gather(polling, closing, return_exceptions=True)

    async def _confirm(self, polls: "_Polls") -> None:
        """What was handled since the last poll."""
        if self._in_hand.offset is not None:
            with suppress(TelegramError):
                await polls.ask(self._in_hand.offset, seconds=0, limit=1)


class _Polls:
    """Asks for updates, as JSON: one that the library cannot read must be confirmed, too."""

    def __init__(self, request: HTTPXRequest, url: str) -> None:
        self._request = request
        self._url = url

    async def ask(
        self, offset: int | None, *, seconds: int, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Raises TelegramError. https://core.telegram.org/bots/api#getupdates"""
        given: dict[str, Any] = {
            "timeout": seconds,
            "limit": limit,
            "allowed_updates": json.dumps(ALLOWED),
        }
        if offset is not None:
            given["offset"] = offset
        found = await self._request.post(
            f"{self._url}/getUpdates?{urlencode(given)}", read_timeout=seconds + ANSWER_SECONDS
        )
        return found if isinstance(found, list) else []


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[tuple[Bot, _Polls]]:
    """The library's bot, with connections that end with the block."""
    token = settings.telegram_bot_token.get_secret_value()
    base = f"{settings.telegram_api_url}/bot"
    more: dict[str, Any] = {"trust_env": False, "verify": ssl.create_default_context()}
    polls, answers = (
        HTTPXRequest(
            connection_pool_size=connections,
            read_timeout=ANSWER_SECONDS,
            connect_timeout=CONNECT_SECONDS,
            pool_timeout=ANSWER_SECONDS,
            httpx_kwargs=more,
        )
        for connections in (1, SIDE_BY_SIDE)
    )
    async with polls, answers:
        bot = Bot(token, base_url=base, request=answers, get_updates_request=polls)
        yield bot, _Polls(polls, f"{base}{token}")


async def run_bot(services: Services, stop: asyncio.Event) -> None:
    """Be the bot until `stop`. Raises SettingsInvalid where there is no token."""
    if not services.settings.telegram_bot_token.get_secret_value():
        problem = (
            "GRADEBELL_TELEGRAM_BOT_TOKEN is not set; write /newbot to @BotFather on Telegram, "
            "who gives one"
        )
        raise SettingsInvalid(problem)
    # What it logs of an answer that it cannot read, it raises as well, and we say.
    logging.getLogger("telegram").setLevel(logging.CRITICAL)
    handled = Handled()
    await lead(
        LEADER,
        lambda: TelegramBot(services, handled),
        services=services,
        stop=stop,
        pauses=PAUSES,
    )


def _problem(error: TelegramError) -> str:
    """What keeps us from updates, for whoever reads the log."""
    if isinstance(error, Conflict) and "webhook" in error.message.lower():
        return f"a webhook has what we ask for; it is deleted at the next start ({error.message})"
    if isinstance(error, Conflict):
        return f"another program asks with our token ({error.message})"
    if isinstance(error, InvalidToken):
        return f"{REFUSED_DETAIL} ({error.message})"
    return error.message
