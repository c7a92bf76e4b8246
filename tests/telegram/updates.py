"""What the bot is told of: kept until it is confirmed, fetched by one poller at a time.

https://core.telegram.org/bots/api#getupdates
"""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from tests.telegram.wire import Parameters, conflict

MOST = 100
LONGEST_POLL_SECONDS = 50
# What is told of to a bot that has never said what it wants.
_UNASKED_FOR = {"chat_member", "message_reaction", "message_reaction_count"}
TERMINATED = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_IS_SET = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook "
    "first"
)


class Updates:
    """The queue. polls: how often it was asked. webhook: where they go instead."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.polls = 0
        self.webhook = ""
        self.allowed: list[str] | None = None
        self._ids = itertools.count(500_000_001)
        self._changed = asyncio.Condition()
        self._poller: object | None = None

    async def tell(self, kind: str, what: Mapping[str, Any]) -> None:
        """Something happened, of which the bot is to be told."""
        wanted = kind in self.allowed if self.allowed else kind not in _UNASKED_FOR
        if not wanted:
            return
        async with self._changed:
            self.waiting.append({"update_id": next(self._ids), kind: dict(what)})
            self._changed.notify_all()

    async def wait_until_confirmed(self, *, within_seconds: float = 10.0) -> None:
        """Return once the bot has confirmed all there is; raises TimeoutError if it does not."""
        async with asyncio.timeout(within_seconds), self._changed:
            await self._changed.wait_for(lambda: not self.waiting)

    async def wait_for_poll(self, *, within_seconds: float = 10.0) -> None:
        """Return once somebody waits for updates; raises TimeoutError if nobody does."""
        async with asyncio.timeout(within_seconds), self._changed:
            await self._changed.wait_for(lambda: self._poller is not None)

    async def fetch(self, given: Parameters) -> list[dict[str, Any]]:
        """The oldest that are not confirmed, or those that come within the time-out.

        Raises Refusal: 409 where a webhook is set, and for the poller that another one replaces.
        """
        if self.webhook:
            raise conflict(WEBHOOK_IS_SET)
        self.polls += 1
        if given.given.get("allowed_updates") is not None:
            self.allowed = given.plain("allowed_updates") or None
        limit = min(max(given.number("limit", MOST) or MOST, 1), MOST)
        seconds = min(max(given.number("timeout", 0) or 0, 0), LONGEST_POLL_SECONDS)
        poller = object()
        async with self._changed:
            self._confirm(given.number("offset", 0) or 0)
            self._poller = poller
            self._changed.notify_all()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: self.waiting or self._poller is not poller)
            except TimeoutError:
                pass
            if self._poller is not poller:
                raise conflict(TERMINATED)
            self._poller = None
            return self.waiting[:limit]

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self.waiting = self.waiting[offset:]
        else:
            self.waiting = [each for each in self.waiting if each["update_id"] >= offset]
