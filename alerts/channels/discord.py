"""The Discord channel: a message posted by an incoming webhook, once.

Our own request rather than a library's: discord.py posts again after any 5xx, and what was stored
before a 502 came would be there twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.discord_address import IncomingWebhook, read_kept
from alerts.channels.discord_answers import asked_wait, judge
from alerts.channels.discord_http import Attachment, DiscordHttp, Reply
from alerts.channels.discord_messages import PICTURE_NAME, DiscordMessage, Picture, render
from alerts.channels.discord_restraint import Restraint
from alerts.channels.http import KEPT_OF_FAILURE, KEPT_OF_SUCCESS
from alerts.domain.deliveries import Answer, Deferred, Reason, Rejected, Scope, Trace
from alerts.domain.events import EventType
from alerts.domain.http_answers import SUCCESS
from alerts.domain.retries import read_retry_after
from alerts.ports import Clock, Destination, Letter

# Draws a digest's picture; None where that failed, and the digest goes out without.
Paint = Callable[[Picture], Awaitable[bytes | None]]


class _Kind(msgspec.Struct):
    """All that is read of an event here."""

    type: str


_kinds: Final = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True, slots=True)
class Post:
    """A message as Discord's API takes it."""

    payload: Mapping[str, Any]
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscordSender:
    """Posts events to incoming webhooks. A parcel is one letter."""

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
        post = await self.compose(parcel[0].body, role=destination.role)
        return self._answer(await self._post(webhook, post))

    async def compose(self, body: bytes, *, role: str | None) -> Post:
        """What is posted of an event, whether by `send` or to be looked at before.

        body: of the event. role: that a digest mentions; nobody else is mentioned by anything.
        """
        message = render(body)
        picture = await self._picture(message)
        shown = message if picture is None else message.with_picture()
        payload: dict[str, Any] = {"embeds": list(shown.embeds), "allowed_mentions": {"parse": []}}
        # A digest comes once a week, and a ping with each change would be a nuisance.
        if role is not None and _kinds.decode(body).type == EventType.DIGEST_WEEKLY:
            payload["content"] = f"<@&{role}>"
            payload["allowed_mentions"]["roles"] = [role]
        if picture is None:
            return Post(payload)
        listed = {"id": 0, "filename": picture.name, "description": picture.alt}
        return Post({**payload, "attachments": [listed]}, (picture,))

    async def _picture(self, message: DiscordMessage) -> Attachment | None:
        if message.picture is None or self.paint is None:
            return None
        content = await self.paint(message.picture)
        return None if content is None else Attachment(PICTURE_NAME, content, message.picture.alt)

    async def _post(self, webhook: IncomingWebhook, post: Post) -> Reply:
        # Without `wait` Discord answers before it stored the message, and says nothing if it
        # does not: https://docs.discord.com/developers/resources/webhook#execute-webhook
        query = {"wait": "true"}
        if webhook.thread_id is not None:
            query["thread_id"] = webhook.thread_id
        return await self.http.ask(
            "POST", webhook.path, query=query, payload=post.payload, attachments=post.attachments
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
