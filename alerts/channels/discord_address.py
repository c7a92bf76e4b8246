"""Where on Discord: an incoming webhook, of whose URL only so much is kept, or our bot's channel.

A webhook's URL is a password to a channel. Of what was pasted only id and token are kept, and they
are only ever sent to the API's own base, so that a URL which leads elsewhere leads nowhere.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from alerts.errors import InvalidInput

MASK: Final = "********"
_HOSTS: Final = frozenset(
    {"discord.com", "ptb.discord.com", "canary.discord.com"}
    | {"discordapp.com", "ptb.discordapp.com", "canary.discordapp.com"}
)
# https://docs.discord.com/developers/reference#snowflakes
_ID: Final = r"[0-9]{17,20}"
_TOKEN: Final = r"[A-Za-z0-9._-]{60,100}"  # noqa: S105  what one looks like
_PATH: Final = re.compile(rf"/api(?:/v[0-9]{{1,2}})?/webhooks/(?P<id>{_ID})/(?P<token>{_TOKEN})/?")
_KEPT: Final = re.compile(
    rf"webhooks/(?P<id>{_ID})/(?P<token>{_TOKEN})(?:\?thread_id=(?P<thread>{_ID}))?"
)
_CHANNEL: Final = re.compile(rf"channels/(?P<guild>{_ID})/(?P<id>{_ID})")
_SAMPLE: Final = "https://discord.com/api/webhooks/1234…/AbCd…"


@dataclass(frozen=True, slots=True)
class IncomingWebhook:
    """A webhook of one channel; thread_id: of a thread in it, where that is posted to."""

    id: str
    token: str
    thread_id: str | None = None

    @property
    def kept(self) -> str:
        """As it is stored, encrypted, and as endpoints are told apart by it."""
        return f"{self.path}{self._thread}"

    @property
    def path(self) -> str:
        """Under the API's base."""
        return f"webhooks/{self.id}/{self.token}"

    @property
    def shown(self) -> str:
        """As its owner sees it again: enough to know it by, too little to post with."""
        return f"https://discord.com/api/webhooks/{self.id}/{MASK}{self._thread}"

    @property
    def _thread(self) -> str:
        return "" if self.thread_id is None else f"?thread_id={self.thread_id}"


@dataclass(frozen=True, slots=True)
class BotChannel:
    """A channel, or a thread, of a server (in the API a guild) that our bot posts to."""

    guild_id: str
    id: str

    @property
    def kept(self) -> str:
        """As it is stored, and as endpoints are told apart by it."""
        return f"channels/{self.guild_id}/{self.id}"

    @property
    def path(self) -> str:
        """Where its messages are posted, under the API's base."""
        return f"channels/{self.id}/messages"

    @property
    def shown(self) -> str:
        """As its owner sees it."""
        return f"https://discord.com/channels/{self.guild_id}/{self.id}"


def read_webhook_url(text: str) -> IncomingWebhook:
    """The webhook of a URL as Discord's clients copy it, `?thread_id=` added or not.

    Raises InvalidInput with field `url`, which repeats nothing of the URL.
    """
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme != "https" or host not in _HOSTS:
        raise _refusal(f"must be a Discord webhook's URL, such as {_SAMPLE}")
    match = _PATH.fullmatch(parts.path)
    if match is None:
        raise _refusal(
            f"must be whole, and end after the token: {_SAMPLE}; in Discord, open Edit Channel, "
            "Integrations, Webhooks, and press Copy Webhook URL"
        )
    threads = parse_qs(parts.query).get("thread_id", [])
    if len(threads) > 1 or not all(re.fullmatch(_ID, thread) for thread in threads):
        raise _refusal("must have the number of one thread as its thread_id, or none")
    return IncomingWebhook(match["id"], match["token"], threads[0] if threads else None)


def read_kept(address: str) -> IncomingWebhook | BotChannel | None:
    """What a stored address leads to; None for anything else."""
    if match := _KEPT.fullmatch(address):
        return IncomingWebhook(match["id"], match["token"], match["thread"])
    match = _CHANNEL.fullmatch(address)
    return None if match is None else BotChannel(match["guild"], match["id"])


def _refusal(problem: str) -> InvalidInput:
    return InvalidInput("url", problem)
