"""Slots: when a webhook, and a channel, may be posted to again.

A lane keeps the pace of its own endpoint; but several webhooks may lead to one channel, and
several endpoints to one webhook. One process at a time posts to Discord, so it can keep count.
"""

from typing import Final

from alerts.channels.discord_address import BotChannel, IncomingWebhook
from alerts.channels.discord_http import Reply

# Five requests in two seconds: https://docs.discord.com/developers/topics/rate-limits
WEBHOOK_GAP_SECONDS: Final = 2.0 / 5
# Thirty messages a minute, which no header says:
# https://github.com/discord/discord-api-docs/issues/1454
CHANNEL_GAP_SECONDS: Final = 60.0 / 30
# Beyond so many, those that are free again are forgotten.
MOST_KEPT: Final = 4096

Place = IncomingWebhook | BotChannel


class Slots:
    """Of this process. Times: seconds of the monotonic clock."""

    def __init__(
        self,
        *,
        webhook_gap: float = WEBHOOK_GAP_SECONDS,
        channel_gap: float = CHANNEL_GAP_SECONDS,
    ) -> None:
        self._webhook_gap = webhook_gap
        self._channel_gap = channel_gap
        self._free: dict[str, float] = {}
        # Where each webhook, or its thread, posts: an answer says so.
        self._channels: dict[str, str] = {}

    def take(self, place: Place, now: float, *, patience: float) -> float:
        """How long until the next slot of a place; it is taken if that is within `patience`."""
        gaps = self._gaps(place)
        wait = max(0.0, *(self._free.get(key, now) - now for key in gaps))
        if wait <= patience:
            self._forget(now)
            self._free |= {key: now + wait + gap for key, gap in gaps.items()}
        return wait

    def note(self, place: Place, reply: Reply, now: float) -> None:
        """Learn from the answer to a post where its channel is, and whether the slots are spent."""
        channel = reply.plain.get("channel_id")
        is_known = isinstance(place, BotChannel) or self._channels.get(place.kept) == channel
        if isinstance(channel, str) and not is_known:
            self._channels[place.kept] = channel
            self._hold(channel, now + self._channel_gap)
        if reply.headers.get("x-ratelimit-remaining") == "0":
            pause = _seconds(reply.headers.get("x-ratelimit-reset-after"))
            self._hold(place.id, now + pause)

    def _gaps(self, place: Place) -> dict[str, float]:
        """What a post to a place takes a slot of, and how far apart those are."""
        if isinstance(place, BotChannel):
            return {place.id: self._channel_gap}
        channel = self._channels.get(place.kept)
        known = {} if channel is None else {channel: self._channel_gap}
        return {place.id: self._webhook_gap, **known}

    def _hold(self, key: str, until: float) -> None:
        self._free[key] = max(self._free.get(key, until), until)

    def _forget(self, now: float) -> None:
        if len(self._free) >= MOST_KEPT:
            self._free = {key: at for key, at in self._free.items() if at > now}


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
