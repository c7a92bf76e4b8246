"""The Telegram channel: a message sent once, by our bot.

Our own request rather than python-telegram-bot's: that one says of a connection that broke only
that it did, and what was written into it before may have been stored. Whoever asks for updates is
told things by the library; what is sent here needs nothing of it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from alerts import __version__
from alerts.channels.api_http import ApiHttp, Reply, open_api_http
from alerts.channels.http import KEPT_OF_FAILURE
from alerts.channels.telegram_address import TelegramChat, read_chat
from alerts.channels.telegram_answers import TOKEN_REFUSED, is_markup_refused, judge, moved_to
from alerts.channels.telegram_buttons import keyboard
from alerts.channels.telegram_lookup import TelegramLookup
from alerts.channels.telegram_messages import TelegramMessage, render
from alerts.channels.telegram_restraint import TelegramRestraint
from alerts.domain.deliveries import Answer, Deferred, Keep, MoveTo, Reason, Rejected, Scope, Trace
from alerts.domain.http_answers import SUCCESS
from alerts.ports import Clock, Destination, Letter
from alerts.telemetry import Step, emit

# A message whose slot is further away than this is given back, to be tried again then.
LONGEST_SLOT_SECONDS: Final = 10.0
USER_AGENT: Final = f"Gradebell/{__version__}"


@dataclass(frozen=True, slots=True)
class TelegramSender:
    """Sends events to chats as our bot. bot_token: empty where no bot is set up."""

    http: ApiHttp
    restraint: TelegramRestraint
    clock: Clock
    bot_token: str = ""

    @property
    def repeatable(self) -> bool:
        """Never: a message has no key by which Telegram could tell that it came before."""
        return False

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """Send the parcel's message, once. Raises nothing but cancellation."""
        chat = read_chat(destination.address)
        if chat is None or not parcel:
            detail = "nothing to send" if chat else "no chat on Telegram"
            return Answer(Rejected(Reason.INVALID_URL), trace=Trace(detail=detail))
        if not self.bot_token:
            detail = "GRADEBELL_TELEGRAM_BOT_TOKEN is not set where this was to be sent"
            return Answer(Deferred(Reason.AUTH, None, Scope.ENDPOINT), trace=Trace(detail=detail))
        if held := self.restraint.wait(self.clock.monotonic()):
            detail = "Telegram refuses all that our bot sends for a while"
            outcome = Deferred(self.restraint.reason, held, Scope.ENDPOINT)
            return Answer(outcome, trace=Trace(detail=detail))
        wait = self.restraint.take(chat, self.clock.monotonic(), patience=LONGEST_SLOT_SECONDS)
        if wait > LONGEST_SLOT_SECONDS:
            detail = "this chat is told more than Telegram takes"
            turn = Deferred(
                Reason.RATE_LIMITED, timedelta(seconds=wait), Scope.ENDPOINT, was_asked=False
            )
            return Answer(turn, trace=Trace(detail=detail))
        await asyncio.sleep(wait)
        message = render(parcel, quiet_hours=destination.quiet_hours)
        return await self._send(chat, message, parcel)

    async def _send(
        self, chat: TelegramChat, message: TelegramMessage, parcel: Sequence[Letter]
    ) -> Answer:
        """Once more only where Telegram said that it stored nothing, and why."""
        reply = await self._ask(chat, message)
        if (chat_id := moved_to(reply)) is not None:
            # Topics are of supergroups, so a group that becomes one has none.
            moved = TelegramChat(chat_id)
            answer = self._answer(await self._ask(moved, message, share=self._left(reply)))
            if isinstance(answer.effect, Keep):
                answer = replace(answer, effect=MoveTo(moved.kept))
            return answer
        if not is_markup_refused(reply):
            return self._answer(reply)
        emit(Step.MARKUP_REFUSED, event_id=parcel[0].event_id, events=len(parcel))
        plain = await self._ask(chat, message, is_plain=True, share=self._left(reply))
        answer = self._answer(plain)
        if answer.trace.detail is not None:
            return answer
        detail = "sent as plain text: Telegram did not take our markup, a fault of ours"
        return replace(answer, trace=replace(answer.trace, detail=detail))

    async def _ask(
        self,
        chat: TelegramChat,
        message: TelegramMessage,
        *,
        is_plain: bool = False,
        share: float = 1.0,
    ) -> Reply:
        """https://core.telegram.org/bots/api#sendmessage"""
        payload = {"chat_id": chat.id, **compose(message, is_plain=is_plain)}
        if chat.thread_id is not None:
            payload["message_thread_id"] = chat.thread_id
        path = f"bot{self.bot_token}/sendMessage"
        reply = await self.http.ask("POST", path, payload=payload, share=share)
        if reply.status in TOKEN_REFUSED:
            emit(Step.TOKEN_REFUSED, channel="telegram", status=reply.status)
        self.restraint.note(chat, reply, self.clock.monotonic())
        return reply

    def _left(self, reply: Reply) -> float:
        """What share of the deadline is left after a first request."""
        return max(0.0, 1 - reply.timings_ms["total"] / 1000 / self.http.deadline_seconds)

    def _answer(self, reply: Reply) -> Answer:
        judged = judge(reply)
        # What it took it says again, with the chat's number and the name of whoever is there.
        limit = 0 if reply.status in SUCCESS else KEPT_OF_FAILURE
        trace = Trace(
            status_code=reply.status,
            response_body=reply.body[:limit],
            truncated=len(reply.body) > limit > 0,
            timings_ms=reply.timings_ms,
            detail=judged.detail or (reply.failure.detail if reply.failure else None),
        )
        return Answer(judged.outcome, judged.effect, trace)


def compose(message: TelegramMessage, *, is_plain: bool = False) -> dict[str, Any]:
    """What is sent of a message, whether by `send` or to be looked at before."""
    payload: dict[str, Any] = {
        "text": message.plain if is_plain else message.html,
        "link_preview_options": {"is_disabled": True},
    }
    if not is_plain:
        payload["parse_mode"] = "HTML"
    if message.buttons:
        payload["reply_markup"] = keyboard(message.buttons)
    return payload


@asynccontextmanager
async def open_telegram(
    base_url: str,
    *,
    bot_token: str,
    clock: Clock,
    deadline_seconds: float,
) -> AsyncIterator[tuple[TelegramSender, TelegramLookup]]:
    """What sends, and what asks who our bot is; their connections end with the block."""
    async with open_api_http(
        base_url, user_agent=USER_AGENT, deadline_seconds=deadline_seconds
    ) as http:
        sender = TelegramSender(http, TelegramRestraint(), clock, bot_token)
        yield sender, TelegramLookup(http, bot_token)
