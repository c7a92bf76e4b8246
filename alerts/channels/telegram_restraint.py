"""Restraint: what one chat's refusal means for the others, and when a chat may be written to.

One process at a time sends to Telegram, so it can keep count. Times: of the monotonic clock.
"""

from datetime import timedelta
from typing import Final

from alerts.channels.api_http import Reply
from alerts.channels.telegram_address import (
    CHAT_GAP_SECONDS,
    GROUP_GAP_SECONDS,
    TelegramChat,
)
from alerts.channels.telegram_answers import TOKEN_REFUSED, TOO_MANY, asked_wait
from alerts.domain.deliveries import Reason

# Two chats that are told to wait within so long are told so for the sake of all.
UNRELATED_SECONDS: Final = 10.0
# While our token is not taken, it is tried no more often than this.
TOKEN_PAUSE: Final = timedelta(seconds=60)
# Beyond so many, chats that are free again are forgotten.
MOST_KEPT: Final = 4096


class TelegramRestraint:
    """Of this process. reason: why nothing may be sent to anybody, while that is so."""

    def __init__(
        self,
        *,
        chat_gap: float = CHAT_GAP_SECONDS,
        group_gap: float = GROUP_GAP_SECONDS,
        token_pause: timedelta = TOKEN_PAUSE,
    ) -> None:
        self._chat_gap = chat_gap
        self._group_gap = group_gap
        self._token_pause = token_pause
        self._free: dict[int, float] = {}
        self.reason = Reason.RATE_LIMITED
        self._quiet_until = 0.0
        self._refused: tuple[int, float] | None = None

    def wait(self, now: float) -> timedelta:
        """How long nothing may be sent to anybody; zero when it may."""
        return timedelta(seconds=max(0.0, self._quiet_until - now))

    def take(self, chat: TelegramChat, now: float, *, patience: float) -> float:
        """How long until a chat's next slot; it is taken if that is within `patience`.

        The lanes of a forum's topics keep a pace each, and write to one chat.
        """
        wait = max(0.0, self._free.get(chat.id, now) - now)
        if wait <= patience:
            if len(self._free) >= MOST_KEPT:
                self._free = {key: at for key, at in self._free.items() if at > now}
            gap = self._group_gap if chat.is_group else self._chat_gap
            self._free[chat.id] = now + wait + gap
        return wait

    def note(self, chat: TelegramChat, reply: Reply, now: float) -> None:
        """Learn from an answer."""
        if reply.status in TOKEN_REFUSED:
            self._hold(now, self._token_pause, Reason.AUTH)
        wait = asked_wait(reply) if reply.status == TOO_MANY else None
        if wait is None:
            return
        if self._refused is not None:
            other, at = self._refused
            if other != chat.id and now - at <= UNRELATED_SECONDS:
                self._hold(now, wait, Reason.RATE_LIMITED)
        self._refused = chat.id, now

    def _hold(self, now: float, wait: timedelta, reason: Reason) -> None:
        until = now + wait.total_seconds()
        if until > self._quiet_until:
            self._quiet_until, self.reason = until, reason
