"""Platforms: whether they take our own bots, of which the operator is told once, and once after."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from alerts.domain.deliveries import Answer, Channel, Deferred, Delivered
from alerts.domain.events import EventType
from alerts.domain.ids import HOUSE_APP
from alerts.domain.notices import channel_event
from alerts.errors import StorageFailed
from alerts.pipeline.tell import tell_app, to_app
from alerts.ports import Destination, Letter, Sender
from alerts.store.engine import Store
from alerts.store.platforms import begin_refusal, end_refusal, is_refused
from alerts.telemetry import Step, fail

# How long what is to be told may take when the process ends.
_END_SECONDS: Final = 5.0


async def note_refused(channel: Channel, detail: str, *, store: Store) -> None:
    """Tell the operator that a platform does not take our bot's token, unless that is known."""
    async with store.write() as tx:
        now = await tx.now()
        if await begin_refusal(tx, channel, at=now):
            audience = to_app(HOUSE_APP)
            failing = EventType.CHANNEL_FAILING
            draft = channel_event(failing, channel, at=now, audience=audience, detail=detail)
            await tell_app(tx, draft)


async def note_accepted(channel: Channel, *, store: Store) -> None:
    """Tell the operator that a platform takes our bot again, where it was said not to."""
    async with store.read() as tx:
        if not await is_refused(tx, channel):
            return
    async with store.write() as tx:
        if await end_refusal(tx, channel):
            now, audience = await tx.now(), to_app(HOUSE_APP)
            recovered = EventType.CHANNEL_RECOVERED
            await tell_app(tx, channel_event(recovered, channel, at=now, audience=audience))


class Watched:
    """A sender whose answers say whether its platform takes our bot.

    sender: that is watched. speaks: whether it is our bot that sends to an address.
    Nothing waits for what is told.
    """

    def __init__(
        self,
        sender: Sender,
        channel: Channel,
        *,
        store: Store,
        speaks: Callable[[str], bool],
    ) -> None:
        self.sender = sender
        self._channel = channel
        self._store = store
        self._speaks = speaks
        self._was_taken: bool | None = None
        self._telling: asyncio.Task[None] | None = None

    @property
    def repeatable(self) -> bool:
        """As of the sender."""
        return self.sender.repeatable

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """As the sender does."""
        answer = await self.sender.send(destination, parcel)
        is_taken = _is_taken(answer) if self._speaks(destination.address) else None
        is_telling = self._telling is not None and not self._telling.done()
        if is_taken is not None and is_taken is not self._was_taken and not is_telling:
            self._was_taken = is_taken
            self._telling = asyncio.create_task(self._tell(answer, is_taken=is_taken))
        return answer

    async def close(self) -> None:
        """Let what is being told be told."""
        if self._telling is not None:
            await asyncio.wait({self._telling}, timeout=_END_SECONDS)
            self._telling.cancel()

    async def _tell(self, answer: Answer, *, is_taken: bool) -> None:
        try:
            if is_taken:
                await note_accepted(self._channel, store=self._store)
            else:
                await note_refused(self._channel, answer.trace.detail or "", store=self._store)
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="platforms")
            self._was_taken = None


@asynccontextmanager
async def open_watched(
    discord: Sender, telegram: Sender, *, store: Store
) -> AsyncIterator[dict[Channel, Sender]]:
    """The senders of platforms where we have a bot, watched as long as the block lasts."""
    watched = {
        Channel.DISCORD: Watched(discord, Channel.DISCORD, store=store, speaks=_is_bot_channel),
        Channel.TELEGRAM: Watched(telegram, Channel.TELEGRAM, store=store, speaks=lambda _: True),
    }
    try:
        yield {**watched}
    finally:
        for each in watched.values():
            await each.close()


def _is_bot_channel(address: str) -> bool:
    """Not an incoming webhook, which is told without our bot."""
    return address.startswith("channels/")


def _is_taken(answer: Answer) -> bool | None:
    """Whether a platform took our bot's token; None where the answer does not say."""
    outcome = answer.outcome
    if isinstance(outcome, Deferred) and outcome.is_ours and answer.trace.status_code is not None:
        return False
    return True if isinstance(outcome, Delivered) else None
