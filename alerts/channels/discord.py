"""The Discord channel: a message posted by an incoming webhook, once.

Our own request rather than a library's: discord.py posts again after any 5xx, and what was stored
before a 502 came would be there twice.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from alerts.channels.discord_address import IncomingWebhook, read_kept
from alerts.channels.discord_answers import INVALID, asked_wait, is_for_all, judge
from alerts.channels.discord_http import Attachment, DiscordHttp, Reply, open_discord_http
from alerts.channels.discord_messages import PICTURE_NAME, DiscordMessage, Picture, render
from alerts.channels.http import KEPT_OF_FAILURE, KEPT_OF_SUCCESS
from alerts.domain.deliveries import Answer, Deferred, Reason, Rejected, Scope, Trace
from alerts.domain.events import EventType
from alerts.domain.http_answers import SUCCESS
from alerts.domain.retries import read_retry_after
from alerts.ports import Clock, Destination, Letter

# Sends a second to one webhook: its channel takes 30 messages a minute, which Discord says in no
# header (https://github.com/discord/discord-api-docs/issues/1454); the 5 in 2 seconds that its
# headers tell of are more than that.
WEBHOOK_RATE: Final = 0.5
# Sends a second to all of them, from one address: Discord takes 50.
# https://docs.discord.com/developers/topics/rate-limits#global-rate-limit
POOL: Final = "discord"
POOL_RATE: Final = 40.0

# After so many refused requests in so long we ask nothing more for a while. Discord shuts an
# address out after 10,000, and other processes may share ours.
MOST_INVALID: Final = 1000
INVALID_SPAN_SECONDS: Final = 600.0

# Draws a digest's picture; None where that failed, and the digest goes out without.
Paint = Callable[[Picture], Awaitable[bytes | None]]


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
        if reply.status == 429 and is_for_all(reply) and wait is not None:  # noqa: PLR2004
            self._quiet_until = max(self._quiet_until, now + wait.total_seconds())


class _Kind(msgspec.Struct):
    """All that is read of an event here."""

    type: str


_kinds: Final = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True, slots=True)
class DiscordSender:
    """Posts events to incoming webhooks. Made by `open_discord_sender`. A parcel is one letter."""

    http: DiscordHttp
    restraint: Restraint
    clock: Clock
    paint: Paint | None = None

    @property
    def repeatable(self) -> bool:
        """Never: a webhook's message has no key to tell it by."""
        return False

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """Post the letter's message, once. Raises nothing but cancellation."""
        webhook = read_kept(destination.address)
        if len(parcel) != 1 or webhook is None:
            detail = "a message is one letter" if webhook else "no Discord webhook"
            return Answer(Rejected(Reason.INVALID_URL), trace=Trace(detail=detail))
        if wait := self.restraint.wait():
            detail = "Discord refused so much of late that nothing is asked for a while"
            held = Deferred(Reason.RATE_LIMITED, wait, Scope.ENDPOINT)
            return Answer(held, trace=Trace(detail=detail))
        letter = parcel[0]
        message = render(letter.body)
        picture = await self._picture(message)
        shown = message if picture is None else message.with_picture()
        reply = await self._post(webhook, shown, picture, role=_role(destination, letter))
        return self._answer(reply)

    async def _picture(self, message: DiscordMessage) -> Attachment | None:
        if message.picture is None or self.paint is None:
            return None
        content = await self.paint(message.picture)
        return None if content is None else Attachment(PICTURE_NAME, content, message.picture.alt)

    async def _post(
        self,
        webhook: IncomingWebhook,
        message: DiscordMessage,
        picture: Attachment | None,
        *,
        role: str | None,
    ) -> Reply:
        # Without `wait` Discord answers before it stored the message, and says nothing if it
        # does not: https://docs.discord.com/developers/resources/webhook#execute-webhook
        query = {"wait": "true"}
        if webhook.thread_id is not None:
            query["thread_id"] = webhook.thread_id
        return await self.http.ask(
            "POST",
            webhook.path,
            query=query,
            payload=message_payload(message, role=role),
            attachments=() if picture is None else (picture,),
        )

    def _answer(self, reply: Reply) -> Answer:
        wait = asked_wait(
            reply, read_retry_after(reply.headers.get("retry-after"), self.clock.now())
        )
        self.restraint.note(reply, wait)
        judged = judge(reply, wait=wait)
        limit = KEPT_OF_SUCCESS if reply.status in SUCCESS else KEPT_OF_FAILURE
        detail = judged.detail or (reply.failure.detail if reply.failure else None)
        trace = Trace(
            status_code=reply.status,
            response_body=reply.body[:limit],
            truncated=len(reply.body) > limit,
            timings_ms=reply.timings_ms,
            detail=detail,
        )
        return Answer(judged.outcome, judged.effect, trace)


def message_payload(message: DiscordMessage, *, role: str | None = None) -> dict[str, Any]:
    """A message as Discord's API takes it; it mentions that role, and nobody else."""
    payload: dict[str, Any] = {"embeds": list(message.embeds), "allowed_mentions": {"parse": []}}
    if role is not None:
        payload["content"] = f"<@&{role}>"
        payload["allowed_mentions"]["roles"] = [role]
    return payload


@asynccontextmanager
async def open_discord_sender(
    api_url: str,
    *,
    clock: Clock,
    deadline_seconds: float = 15.0,
    connect_seconds: float = 5.0,
    paint: Paint | None = None,
) -> AsyncIterator[DiscordSender]:
    """A sender whose connections end with the block. deadline_seconds: for the post alone."""
    async with open_discord_http(
        api_url, deadline_seconds=deadline_seconds, connect_seconds=connect_seconds
    ) as http:
        yield DiscordSender(http, Restraint(clock), clock, paint)


def _role(destination: Destination, letter: Letter) -> str | None:
    """Whom to ping: a digest comes once a week, and a ping with each change would be a nuisance."""
    if destination.role is None or _kinds.decode(letter.body).type != EventType.DIGEST_WEEKLY:
        return None
    return destination.role
