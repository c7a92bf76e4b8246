"""Updates in hand: those of a chat are handled in their order, and chats side by side."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from telegram import Bot, Update

from alerts.bots.telegram_door import Door
from alerts.telemetry import Step, fail

# Chats that are answered at a time.
SIDE_BY_SIDE: Final = 32
# Whoever asks for more waits so long for what is in hand; then that goes on beside it.
PATIENCE_SECONDS: Final = 1.0
# Updates that are remembered as handled: Telegram hands out 100 at a time.
REMEMBERED: Final = 1000


@dataclass(slots=True)
class Handled:
    """Updates that this process has handled; some may not be confirmed, and come again."""

    ids: dict[int, None] = field(default_factory=dict)

    def note(self, update_id: int) -> None:
        """One more; the oldest are forgotten."""
        self.ids[update_id] = None
        while len(self.ids) > REMEMBERED:
            del self.ids[next(iter(self.ids))]


class InHand:
    """Of one session. handled: of this process, which may have had a session before."""

    def __init__(self, handled: Handled) -> None:
        self._handled = handled
        self._open: dict[int, asyncio.Task[None]] = {}
        self._of_chats: dict[int | None, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self._next: int | None = None

    @property
    def offset(self) -> int | None:
        """The first update that is not to be confirmed yet; None where there is nothing to say."""
        return min(self._open, default=self._next)

    async def take(self, updates: Sequence[Mapping[str, Any]], door: Door, bot: Bot) -> None:
        """Begin with these, as JSON, and wait a moment for all that is in hand.

        One that takes long keeps its own chat waiting, and comes again as long as it does.
        """
        # What was to be confirmed is. After a week of silence numbers begin anew, perhaps below it.
        self._next = updates[-1]["update_id"] + 1 if updates else None
        for raw in updates:
            if raw["update_id"] not in self._handled.ids and raw["update_id"] not in self._open:
                self._begin(raw, door, bot)
        await self.wait(PATIENCE_SECONDS)

    async def wait(self, seconds: float) -> None:
        """Until nothing is in hand, so long at most."""
        if self._open:
            await asyncio.wait(self._open.values(), timeout=seconds)

    async def end(self) -> None:
        """Break off what is still in hand."""
        broken_off = list(self._open.values())
        for task in broken_off:
            task.cancel()
        await asyncio.gather(*broken_off, return_exceptions=True)

    def _begin(self, raw: Mapping[str, Any], door: Door, bot: Bot) -> None:
        update = _read(raw, bot)
        if update is None:
            self._handled.note(raw["update_id"])
            return
        chat = None if update.effective_chat is None else update.effective_chat.id
        task = asyncio.create_task(self._handle(update, door, self._of_chats.get(chat)))
        self._open[update.update_id] = self._of_chats[chat] = task

        def end(_task: asyncio.Task[None]) -> None:
            del self._open[update.update_id]
            if self._of_chats[chat] is task:
                del self._of_chats[chat]

        task.add_done_callback(end)

    async def _handle(self, update: Update, door: Door, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        async with self._room:
            try:
                await door.take(update)
            except Exception as error:  # noqa: BLE001 - the edge of a process: logged, and it lives on.
                fail(Step.JOB_FAILED, error, job="bot", update=update.update_id)
        self._handled.note(update.update_id)


def _read(raw: Mapping[str, Any], bot: Bot) -> Update | None:
    try:
        return Update.de_json(dict(raw), bot)
    except Exception as error:  # noqa: BLE001 - whatever the library makes of what it does not know.
        fail(Step.JOB_FAILED, error, job="bot", update=raw["update_id"])
        return None
