"""The Discord channel: a message posted once, by an incoming webhook or by our bot.

Our own request rather than a library's: discord.py posts again after any 5xx, and what was stored
before a 502 came would be there twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import msgspec

from alerts.channels.discord_address import BotChannel, IncomingWebhook, read_kept
from alerts.channels.discord_answers import asked_wait, doubt_of, judge
from alerts.channels.discord_http import Attachment, DiscordHttp, Reply
from alerts.channels.discord_messages import PICTURE_NAME, DiscordMessage, Picture, render
from alerts.channels.discord_restraint import Restraint
from alerts.channels.discord_slots import Slots
from alerts.channels.http import KEPT_OF_FAILURE, KEPT_OF_SUCCESS
from alerts.domain.deliveries import (
    Answer,
    Deferred,
    Delivered,
    Reason,
    Rejected,
    Scope,
    Trace,
    Unknown,
)
from alerts.domain.events import EventType
from alerts.domain.http_answers import SUCCESS
from alerts.domain.retries import read_retry_after
from alerts.ports import Clock, Destination, Letter

# One message is asked for under its nonce three times: the parts of one deadline that each may
# take, and that are waited between them, so that a moment's trouble of Discord's is over.
TRY_SHARE: Final = 4 / 15
PAUSE_SHARES: Final = (1 / 15, 2 / 15)
# Discord remembers a nonce "for a few minutes"; nothing is asked under it later than this.
NONCE_SECONDS: Final = 120.0
# https://docs.discord.com/developers/resources/message#create-message-jsonform-params
NONCE_MAX: Final = 25
# A post whose slot is further away than this is given back, to be tried again then.
LONGEST_SLOT_SECONDS: Final = 10.0

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
    """Posts events to incoming webhooks, and as a bot to channels: a parcel is one message.

    bot_token: empty where no bot is set up.
    """

    http: DiscordHttp
    restraint: Restraint
    clock: Clock
    paint: Paint | None = None
    bot_token: str = ""
    slots: Slots = field(default_factory=Slots)

    @property
    def repeatable(self) -> bool:
        """Never: a webhook's message has no key to tell it by, and a bot's only for minutes."""
        return False

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """Post the parcel's message, once. Raises nothing but cancellation."""
        place = read_kept(destination.address)
        if place is None:
            trace = Trace(detail="nowhere on Discord")
            return Answer(Rejected(Reason.INVALID_URL), trace=trace)
        if isinstance(place, BotChannel) and not self.bot_token:
            detail = "GRADEBELL_DISCORD_BOT_TOKEN is not set where this was to be sent"
            return Answer(Deferred(Reason.AUTH, None, Scope.ENDPOINT), trace=Trace(detail=detail))
        bodies = [letter.body for letter in parcel]
        post = await self.compose(bodies, role=destination.role)
        wait = self.slots.take(place, self.clock.monotonic(), patience=LONGEST_SLOT_SECONDS)
        if wait > LONGEST_SLOT_SECONDS:
            detail = "others post so much to this channel that Discord would refuse it now"
            turn = Deferred(
                Reason.RATE_LIMITED, timedelta(seconds=wait), Scope.ENDPOINT, was_asked=False
            )
            return Answer(turn, trace=Trace(detail=detail))
        await asyncio.sleep(wait)
        if held := self.restraint.wait():
            detail = "Discord refused so much of late that nothing is asked for a while"
            outcome = Deferred(Reason.RATE_LIMITED, held, Scope.ENDPOINT)
            return Answer(outcome, trace=Trace(detail=detail))
        if isinstance(place, IncomingWebhook):
            reply, doubt = await self._post(place, post), None
        else:
            reply, doubt = await self._post_as_bot(place, post, parcel[0].delivery_id)
        self.slots.note(place, reply, self.clock.monotonic())
        return self._answer(reply, doubt)

    async def compose(self, bodies: Sequence[bytes], *, role: str | None) -> Post:
        """What is posted of one event or several, whether by `send` or to be looked at before.

        bodies: of the events. role: that a digest mentions; nobody else is mentioned by anything.
        """
        message = render(*bodies)
        picture = await self._picture(message)
        shown = message if picture is None else message.with_picture()
        payload: dict[str, Any] = {"embeds": list(shown.embeds), "allowed_mentions": {"parse": []}}
        # A digest comes once a week, and a ping with each change would be a nuisance.
        if role is not None and _kinds.decode(bodies[0]).type == EventType.DIGEST_WEEKLY:
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

    async def _post_as_bot(
        self, channel: BotChannel, post: Post, delivery_id: str
    ) -> tuple[Reply, Unknown | None]:
        """Under a nonce of the delivery, so that whatever is in doubt can be asked again.

        All of this takes one deadline at most. The last answer, and the doubt that came first.
        https://docs.discord.com/developers/resources/message#create-message
        """
        nonce = delivery_id[-NONCE_MAX:]
        payload = {**post.payload, "nonce": nonce, "enforce_nonce": True}
        began = self.clock.monotonic()
        reply = await self._ask_as_bot(channel, payload, post)
        doubt = doubt_of(reply)
        for share in PAUSE_SHARES:
            pause = share * self.http.deadline_seconds
            is_late = self.clock.monotonic() + pause > began + NONCE_SECONDS
            if is_late or doubt_of(reply) is None:
                break
            await asyncio.sleep(pause)
            reply = await self._ask_as_bot(channel, payload, post)
        return reply, doubt

    async def _ask_as_bot(
        self, channel: BotChannel, payload: Mapping[str, Any], post: Post
    ) -> Reply:
        return await self.http.ask(
            "POST",
            channel.path,
            payload=payload,
            attachments=post.attachments,
            authorization=f"Bot {self.bot_token}",
            share=TRY_SHARE,
        )

    def _answer(self, reply: Reply, doubt: Unknown | None) -> Answer:
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
        if doubt is None or isinstance(judged.outcome, Delivered):
            return Answer(judged.outcome, judged.effect, trace)
        # What is refused now says nothing of what was asked before, and may have been stored.
        return Answer(doubt, judged.effect, trace)
