"""Guilds, channels, webhooks and messages of the double."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

from tests.discord.refusals import (
    invalid_webhook_token,
    missing_access,
    missing_permissions,
    unknown_channel,
    unknown_message,
    unknown_webhook,
)

TEXT, PUBLIC_THREAD, ANNOUNCEMENT, FORUM = 0, 11, 5, 15


class May(IntFlag):
    """https://docs.discord.com/developers/topics/permissions"""

    VIEW = 1 << 10
    SEND = 1 << 11
    EMBED = 1 << 14
    ATTACH = 1 << 15
    SEND_IN_THREADS = 1 << 38


EVERYTHING = May.VIEW | May.SEND | May.EMBED | May.ATTACH | May.SEND_IN_THREADS


_THREAD: Mapping[str, Any] = {
    "owner_id": "1",
    "message_count": 0,
    "member_count": 1,
    "thread_metadata": {
        "archived": False,
        "auto_archive_duration": 1440,
        "archive_timestamp": "2026-01-01T00:00:00+00:00",
        "locked": False,
    },
}


@dataclass(slots=True)
class Channel:
    """A channel, or a thread (then parent_id is its channel). may: what the bot may do there."""

    id: str
    guild_id: str
    name: str
    type: int = TEXT
    parent_id: str | None = None
    may: May = EVERYTHING

    def plain(self) -> dict[str, Any]:
        thread = {} if self.parent_id is None else _THREAD
        return {
            **thread,
            "id": self.id,
            "guild_id": self.guild_id,
            "name": self.name,
            "type": self.type,
            "position": 0,
            "parent_id": self.parent_id,
            "permission_overwrites": [],
            "nsfw": False,
            "topic": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
        }


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a server; mentionable: by anybody."""

    id: str
    mentionable: bool = True

    def plain(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": "traders",
            "permissions": "0",
            "position": 1,
            "color": 0,
            "hoist": False,
            "managed": False,
            "mentionable": self.mentionable,
        }


@dataclass(slots=True)
class Webhook:
    """An incoming webhook."""

    id: str
    token: str
    channel_id: str
    guild_id: str
    name: str

    @property
    def url(self) -> str:
        """As Discord's clients copy it."""
        return f"https://discord.com/api/webhooks/{self.id}/{self.token}"

    def plain(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": 1,
            "name": self.name,
            "avatar": None,
            "channel_id": self.channel_id,
            "guild_id": self.guild_id,
            "application_id": None,
            "token": self.token,
            "url": self.url,
        }


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it was taken in. payload: as sent; files: by field name, name and bytes."""

    plain: dict[str, Any]
    payload: Mapping[str, Any]
    files: Mapping[str, tuple[str, bytes]]

    @property
    def id(self) -> str:
        return str(self.plain["id"])

    @property
    def channel_id(self) -> str:
        return str(self.plain["channel_id"])


@dataclass(slots=True)
class World:
    """All there is."""

    guilds: dict[str, str] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    messages: list[Sent] = field(default_factory=list)
    _ids: "itertools.count[int]" = field(
        default_factory=lambda: itertools.count(1_300_000_000_000_000_000, 1 << 22)
    )

    def new_id(self) -> str:
        return str(next(self._ids))

    def guild(self, name: str = "Alpha Traders") -> str:
        """A new guild's id."""
        guild_id = self.new_id()
        self.guilds[guild_id] = name
        return guild_id

    def channel(
        self,
        name: str = "market",
        *,
        guild_id: str | None = None,
        kind: int = TEXT,
        parent: Channel | None = None,
    ) -> Channel:
        """A new channel, in a guild of its own unless one is given; a thread of `parent`."""
        guild_id = parent.guild_id if parent else guild_id or self.guild()
        kind = PUBLIC_THREAD if parent else kind
        channel = Channel(self.new_id(), guild_id, name, kind, parent.id if parent else None)
        self.channels[channel.id] = channel
        return channel

    def webhook(self, channel: Channel | None = None, *, name: str = "Gradebell") -> Webhook:
        """A new incoming webhook."""
        channel = channel or self.channel()
        webhook_id = self.new_id()
        token = f"Tok-{webhook_id}_".ljust(68, "x")
        made = Webhook(webhook_id, token, channel.id, channel.guild_id, name)
        self.webhooks[webhook_id] = made
        return made

    def find_webhook(self, webhook_id: str, token: str) -> Webhook:
        """Raises Refusal."""
        webhook = self.webhooks.get(webhook_id)
        if webhook is None:
            raise unknown_webhook()
        if webhook.token != token:
            raise invalid_webhook_token()
        return webhook

    def find_thread(self, webhook: Webhook, thread_id: str) -> Channel:
        """A thread of the webhook's channel. Raises Refusal."""
        thread = self.channels.get(thread_id)
        if thread is None or thread.parent_id != webhook.channel_id:
            raise unknown_channel()
        return thread

    def find_channel(self, channel_id: str) -> Channel:
        """One that the bot may see. Raises Refusal."""
        channel = self.channels.get(channel_id)
        if channel is None:
            raise unknown_channel()
        if channel.guild_id not in self.guilds or not channel.may & May.VIEW:
            raise missing_access()
        return channel

    def require(self, channel: Channel, payload: Mapping[str, Any], *, has_files: bool) -> None:
        """What the bot needs to post this there. Raises Refusal."""
        needs = May.SEND if channel.type != PUBLIC_THREAD else May.SEND_IN_THREADS
        if payload.get("embeds"):
            needs |= May.EMBED
        if has_files:
            needs |= May.ATTACH
        if channel.may & needs != needs:
            raise missing_permissions()

    def find_message(self, message_id: str, *, webhook_id: str | None = None) -> Sent:
        """One that was posted. Raises Refusal."""
        for sent in self.messages:
            if sent.id == message_id and sent.plain.get("webhook_id") == webhook_id:
                return sent
        raise unknown_message()
