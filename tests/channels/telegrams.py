"""What the tests of the Telegram channel share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from alerts.channels.api_http import open_api_http
from alerts.channels.telegram import USER_AGENT, TelegramSender
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_restraint import TelegramRestraint
from alerts.domain.deliveries import Channel
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES, Subscription
from alerts.ports import Destination, Letter
from tests.builders import token
from tests.channels.webhooks import FixedClock
from tests.telegram.double import TOKEN, Rates, Telegram
from tests.telegram.world import Chat

GOLDEN = Path(__file__).parent.parent / "golden"
UPGRADE = Letter("dlv_1", "evt_1", (GOLDEN / "grade.upgraded.json").read_bytes())


def to(chat: Chat, *, thread_id: int | None = None) -> Destination:
    return Destination("ep_1", Channel.TELEGRAM, TelegramChat(chat.id, thread_id).kept)


def at_once() -> TelegramRestraint:
    """One that waits for nothing, for tests that are about something else."""
    return TelegramRestraint(chat_gap=0, group_gap=0, token_pause=timedelta(0))


def rule(**given: Any) -> Subscription:  # noqa: ANN401 - any part of it.
    """A subscription to one token, and all that it may want, unless said otherwise."""
    every = {"token": token(1), "kind": Kind.TRADER, "types": DEFAULT_TYPES, "since_sequence": 0}
    return Subscription(**{**every, "min_notches": 1, "min_delta": 0, **given})


@asynccontextmanager
async def open_sender(
    *,
    rates: Rates | None = None,
    deadline_seconds: float = 5.0,
    bot_token: str = TOKEN,
    restraint: TelegramRestraint | None = None,
) -> AsyncIterator[tuple[Telegram, TelegramSender]]:
    async with (
        Telegram(rates=rates) as telegram,
        open_api_http(
            telegram.api_url, user_agent=USER_AGENT, deadline_seconds=deadline_seconds
        ) as http,
    ):
        yield telegram, TelegramSender(http, restraint or at_once(), FixedClock(), bot_token)
