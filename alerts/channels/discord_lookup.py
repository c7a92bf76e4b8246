"""What Discord says of a webhook that somebody wants to be told by."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerts.channels.discord_address import read_webhook_url
from alerts.channels.discord_answers import INVALID_WEBHOOK_TOKEN, UNKNOWN_WEBHOOK, asked_wait
from alerts.channels.discord_http import DiscordHttp, Reply
from alerts.channels.discord_restraint import Restraint
from alerts.domain.http_answers import SUCCESS
from alerts.errors import InvalidInput, PlatformSilent

# https://docs.discord.com/developers/resources/webhook#webhook-object-webhook-types
_INCOMING: Final = 1
_HOW: Final = "in Discord, open Edit Channel, Integrations, Webhooks, and press Copy Webhook URL"
# How long whoever is told that Discord was silent does well to wait.
_PAUSE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class DiscordLookup:
    """Asks Discord about webhooks."""

    http: DiscordHttp
    restraint: Restraint

    async def vet(self, url: str) -> str:
        """The address of a webhook as it is kept, if Discord has it.

        Raises InvalidInput with field `url`, or PlatformSilent where Discord cannot be asked now.
        """
        webhook = read_webhook_url(url)
        if wait := self.restraint.wait():
            raise _silent("it refused so much of late that nothing is asked for a while", wait)
        reply = await self.http.ask("GET", webhook.path)
        wait = asked_wait(reply, None) or _PAUSE
        self.restraint.note(reply, wait)
        if reply.status in SUCCESS:
            if reply.plain.get("type") != _INCOMING:
                raise InvalidInput("url", f"must be an incoming webhook's: {_HOW}")
            return webhook.kept
        code = reply.plain.get("code")
        if code == UNKNOWN_WEBHOOK:
            raise InvalidInput("url", f"is of a webhook that was deleted; make a new one: {_HOW}")
        if code == INVALID_WEBHOOK_TOKEN:
            raise InvalidInput("url", f"has a token that Discord does not take: {_HOW}")
        raise _silent(_why(reply), wait)


def _why(reply: Reply) -> str:
    return reply.failure.detail if reply.failure else f"it answered HTTP {reply.status}"


def _silent(why: str, wait: timedelta) -> PlatformSilent:
    return PlatformSilent(
        f"Discord could not be asked about this webhook: {why}",
        retry_after_seconds=max(1, math.ceil(wait.total_seconds())),
    )
