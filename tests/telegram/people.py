"""What people do in Telegram: they type, press buttons, block, and change their groups."""

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.telegram.markup import utf16
from tests.telegram.world import (
    ADMINISTRATOR,
    BOT,
    GROUP,
    KICKED,
    LEFT,
    MEMBER,
    PRIVATE,
    SUPERGROUP,
    Chat,
    Person,
)

if TYPE_CHECKING:
    from tests.telegram.double import Telegram

PATIENCE_SECONDS = 10.0
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(?:@\w+)?")


@dataclass(slots=True)
class Pressed:
    """A button that was pressed. answer: what the bot said to it, None so far."""

    id: str
    data: str
    answer: dict[str, Any] | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> dict[str, Any]:
        """What the bot says to it; raises TimeoutError if it does not."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.answered.wait()
        assert self.answer is not None
        return self.answer


class People:
    """All of them. pressed: by the id of the query."""

    def __init__(self, telegram: "Telegram") -> None:
        self.pressed: dict[str, Pressed] = {}
        self._telegram = telegram
        self._queries = itertools.count(1)

    async def type(
        self, person: Person, text: str, *, chat: Chat | None = None, topic: int | None = None
    ) -> dict[str, Any]:
        """Somebody types; in private unless a chat is given. The message."""
        place = chat or self._telegram.world.chat_of(person)
        if place.type == PRIVATE and place.ours != MEMBER:
            await self._become(place, person, MEMBER)
        said: dict[str, Any] = {"text": text}
        if match := _COMMAND.match(text):
            length = utf16(match.group())
            said["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        # Privacy mode: of a group, a bot sees commands and what is said to it.
        is_seen = place.type == PRIVATE or bool(match)
        message = place.keep(person.plain(), said | place.admit_topic(topic))
        if is_seen and place.ours in {MEMBER, ADMINISTRATOR}:
            await self._telegram.updates.tell("message", message)
        return message

    async def press(self, person: Person, message: Mapping[str, Any], label: str) -> Pressed:
        """Somebody presses the button that says this, or has this data."""
        rows = message["reply_markup"]["inline_keyboard"]
        (button,) = [b for row in rows for b in row if label in (b["text"], b.get("callback_data"))]
        return await self.forge(person, message, button["callback_data"])

    async def forge(self, person: Person, message: Mapping[str, Any], data: str) -> Pressed:
        """A client sends data for a message, whether a button has it or not."""
        pressed = Pressed(str(next(self._queries)), data)
        self.pressed[pressed.id] = pressed
        query = {
            "id": pressed.id,
            "from": person.plain(),
            "message": dict(message),
            "chat_instance": "1",
            "data": data,
        }
        await self._telegram.updates.tell("callback_query", query)
        return pressed

    async def block(self, person: Person) -> None:
        """Somebody blocks the bot."""
        await self._become(self._telegram.world.chat_of(person), person, KICKED)

    async def unblock(self, person: Person) -> None:
        """… and lets it speak again."""
        await self._become(self._telegram.world.chat_of(person), person, MEMBER)

    async def kick(self, chat: Chat, by: Person) -> None:
        """An admin removes the bot from a group."""
        await self._become(chat, by, KICKED)

    async def invite(self, chat: Chat, by: Person) -> None:
        """Somebody adds the bot to a group."""
        await self._become(chat, by, MEMBER)

    async def upgrade(self, chat: Chat) -> Chat:
        """A group becomes a supergroup, with an id of its own: both chats say so."""
        assert chat.type == GROUP
        made = self._telegram.world.group(chat.title, kind=SUPERGROUP)
        made.members = dict(chat.members)
        chat.migrated_to, admin = made.id, {"id": 1087968824, "is_bot": True, "first_name": "Group"}
        moved = chat.keep(admin, {"migrate_to_chat_id": made.id})
        await self._telegram.updates.tell("message", moved)
        arrived = made.keep(admin, {"migrate_from_chat_id": chat.id})
        await self._telegram.updates.tell("message", arrived)
        return made

    async def wait_until(
        self, is_so: Callable[[], bool], *, within_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Return once that is so of what the bot said; raises TimeoutError if it never is."""
        async with asyncio.timeout(within_seconds), self._telegram.said:
            await self._telegram.said.wait_for(is_so)

    async def _become(self, chat: Chat, person: Person, status: str) -> None:
        before, chat.ours = chat.ours, status
        if before == status or (LEFT in {before, status} and chat.type == PRIVATE):
            return
        change = {
            "chat": chat.plain(),
            "from": person.plain(),
            "date": 1_790_000_000,
            "old_chat_member": self._ours(before),
            "new_chat_member": self._ours(status),
        }
        await self._telegram.updates.tell("my_chat_member", change)

    @staticmethod
    def _ours(status: str) -> dict[str, Any]:
        until = {"until_date": 0} if status == KICKED else {}
        return {"user": dict(BOT), "status": status, **until}
