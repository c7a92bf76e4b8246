"""A backtest as it is shown: its messages in the very words that would have been sent."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from pydantic import Field
from starlette.requests import Request

from alerts.api.deps import Paging
from alerts.api.schemas.backtests import BacktestMessage
from alerts.bootstrap import Services
from alerts.channels.telegram import compose
from alerts.channels.telegram_messages import render
from alerts.domain.deliveries import Channel
from alerts.domain.quotas import Quota
from alerts.errors import RateLimited
from alerts.pipeline.backtest import MOST_DAYS, Backtest, Supposed, letters_of
from alerts.pipeline.rehearsal import Telling
from alerts.ports import Letter
from alerts.store.endpoints import Recipient

# Of one app: each reads the events of months.
BACKTESTS: Final = Quota(burst=10, per_second=0.1)
# How long one waits for those that are being made, and when it may be asked for again.
TURN_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 20


def turn_of(request: Request) -> asyncio.Lock:
    """What lets one backtest after the other be made: several at once only hold up all else."""
    turn: asyncio.Lock = request.app.state.backtests
    return turn


@asynccontextmanager
async def taken(turn: asyncio.Lock) -> AsyncIterator[None]:
    """One's turn. Raises RateLimited where it does not come soon."""
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turn.acquire()
    except TimeoutError:
        problem = "others are being made just now, one after the other"
        raise RateLimited(problem, retry_after_seconds=RETRY_SECONDS) from None
    try:
        yield
    finally:
        turn.release()


class BacktestPaging(Paging):
    """How far back, and which part of what was found."""

    days: int = Field(default=90, ge=1, le=MOST_DAYS, description="How far back.")


async def admit(app_id: str | None, services: Services) -> None:
    """Count one more of an app's. app_id: None for the operator. Raises RateLimited."""
    if app_id is None:
        return
    found = await services.limiter.ask(f"backtests:{app_id}", BACKTESTS)
    if not found.is_allowed:
        problem = f"an app may ask for {BACKTESTS.burst} backtests at once, and one in 10 seconds"
        raise RateLimited(problem, retry_after_seconds=found.retry_after_seconds)


async def view_messages(
    messages: Iterable[Telling], asked: Supposed, found: Backtest, *, services: Services
) -> list[BacktestMessage]:
    """Messages as they would have been sent.

    One after the other: the events of each are a megabyte at the most, and those of all of them
    are what a year brought.
    """
    views = []
    for message in messages:
        letters = await letters_of(message, store=services.store, relived=found.relived)
        views.append(
            BacktestMessage(
                at=message.at,
                events=[part.event_id for part in message.parts],
                deferred_reason=message.parts[0].deferred_reason,
                message=await _composed(letters, asked.recipient, services) if letters else {},
            )
        )
    return views


async def _composed(
    letters: Sequence[Letter], recipient: Recipient, services: Services
) -> dict[str, Any]:
    match recipient.channel:
        case Channel.WEBHOOK:
            body: dict[str, Any] = msgspec.json.decode(letters[0].body)
            return body
        case Channel.TELEGRAM:
            # A thousand events are 50 ms.
            return await asyncio.to_thread(_chat_message, letters, recipient)
        case Channel.DISCORD:
            post = await services.discord.compose(
                [letter.body for letter in letters], role=recipient.role
            )
            return dict(post.payload)


def _chat_message(letters: Sequence[Letter], recipient: Recipient) -> dict[str, Any]:
    hours = recipient.quiet_hours
    return compose(render(letters, quiet_hours="" if hours is None else hours.shown))
