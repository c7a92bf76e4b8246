"""Restraint: what keeps a process from being shut out of Discord altogether."""

from collections import deque
from datetime import timedelta
from typing import Final

from alerts.channels.discord_answers import INVALID, is_for_all
from alerts.channels.discord_http import Reply
from alerts.ports import Clock

# After so many refused requests in so long we ask nothing more for a while. Discord shuts an
# address out after 10,000, and other processes may share ours.
MOST_INVALID: Final = 1000
INVALID_SPAN_SECONDS: Final = 600.0


class Restraint:
    """What keeps this process from being shut out of Discord. Times: of the monotonic clock."""

    def __init__(self, clock: Clock, *, most_invalid: int = MOST_INVALID) -> None:
        self._clock = clock
        self._most_invalid = most_invalid
        self._invalid: deque[float] = deque()
        self._quiet_until = 0.0

    def wait(self) -> timedelta:
        """How long nothing may be asked; zero when it may."""
        now = self._clock.monotonic()
        while self._invalid and self._invalid[0] <= now - INVALID_SPAN_SECONDS:
            self._invalid.popleft()
        until = self._quiet_until
        if len(self._invalid) >= self._most_invalid:
            until = max(until, self._invalid[0] + INVALID_SPAN_SECONDS)
        return timedelta(seconds=max(0.0, until - now))

    def note(self, reply: Reply, wait: timedelta | None) -> None:
        """Learn from an answer. wait: how long it asked for."""
        if reply.status not in INVALID:
            return
        now = self._clock.monotonic()
        if reply.headers.get("x-ratelimit-scope") != "shared":
            self._invalid.append(now)
        if reply.status == 429 and is_for_all(reply) and wait is not None:  # noqa: PLR2004  RFC 6585
            self._quiet_until = max(self._quiet_until, now + wait.total_seconds())
