"""Chats, who is in them, and what was said there."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.telegram.wire import Refusal, bad_request, forbidden

PRIVATE, GROUP, SUPERGROUP, CHANNEL = "private", "group", "supergroup", "channel"
GENERAL = 1
MEMBER, ADMINISTRATOR, CREATOR, LEFT, KICKED = (
    "member",
    "administrator",
    "creator",
    "left",
    "kicked",
)
BOT: Mapping[str, Any] = {
    "id": 7000000001,
    "is_bot": True,
    "first_name": "Gradebell",
    "username": "gradebell_bot",
}
_RIGHTS = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)

_GIFTS = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with Telegram."""

    id: int
    first_name: str = "Ada"
    username: str | None = "ada"
    language_code: str = "en"

    def plain(self) -> dict[str, Any]:
        named = {} if self.username is None else {"username": self.username}
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.first_name,
            "language_code": self.language_code,
            **named,
        }


@dataclass(slots=True)
class Chat:
    """A place to talk. may_write: the bot. topics: of a forum, open or closed.

    ours: what the bot is there; of a private chat KICKED is blocked, and LEFT never begun.
    """

    id: int
    type: str
    title: str
    person: Person | None = None
    ours: str = MEMBER
    may_write: bool = True
    is_gone: bool = False
    migrated_to: int | None = None
    topics: dict[int, bool] | None = None
    members: dict[int, str] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def plain(self) -> dict[str, Any]:
        if self.person is not None:
            named = self.person.plain()
            return {"id": self.id, "type": PRIVATE, "first_name": named["first_name"]}
        forum = {} if self.topics is None else {"is_forum": True}
        return {"id": self.id, "type": self.type, "title": self.title, **forum}

    def full(self) -> dict[str, Any]:
        """As it is shown to who asks for all of it."""
        gifts = dict.fromkeys(_GIFTS, False)
        more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}
        return {**self.plain(), **more}

    def keep(self, sender: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        """A new message, as everybody in the chat has it."""
        message = {
            "message_id": next(self._ids),
            "from": dict(sender),
            "chat": self.plain(),
            "date": int(datetime.now(UTC).timestamp()),
            **said,
        }
        self.messages.append(message)
        return message

    @property
    def texts(self) -> list[str]:
        """What the bot said here, as it is shown, oldest first."""
        return [each["text"] for each in self.messages if each["from"]["is_bot"] and "text" in each]

    def admit(self) -> None:
        """Whether the bot may say something here. Raises Refusal."""
        if self.migrated_to is not None:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated_to,
            )
        if self.type == PRIVATE:
            self._admit_in_private()
        elif self.is_gone:
            raise forbidden(f"the {self.type} chat was deleted")
        elif self.ours == KICKED:
            raise forbidden(f"bot was kicked from the {self.type} chat")
        elif self.ours == LEFT:
            raise forbidden(f"bot is not a member of the {self.type} chat")
        elif not self.may_write:
            raise bad_request("not enough rights to send text messages to the chat")

    def _admit_in_private(self) -> None:
        if self.is_gone:
            raise forbidden("user is deactivated")
        if self.ours == KICKED:
            raise forbidden("bot was blocked by the user")
        if self.ours == LEFT:
            raise forbidden("bot can't initiate conversation with a user")

    def admit_topic(self, thread_id: int | None) -> dict[str, Any]:
        """What a message in a topic bears. Raises Refusal."""
        if not thread_id:
            return {}
        # General is sent to without its number.
        if self.topics is None or thread_id == GENERAL or thread_id not in self.topics:
            raise bad_request("message thread not found")
        if not self.topics[thread_id]:
            raise bad_request("TOPIC_CLOSED")
        return {"message_thread_id": thread_id, "is_topic_message": True}


@dataclass(slots=True)
class World:
    """All there is."""

    chats: dict[int, Chat] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    _people_ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_000_001))
    _group_ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(4_000_001))

    def person(self, first_name: str = "Ada", *, language_code: str = "en") -> Person:
        """Somebody new, who has not written to the bot yet."""
        number = next(self._people_ids)
        person = Person(number, first_name, f"{first_name.lower()}{number}", language_code)
        self.people[number] = person
        self.chats[number] = Chat(number, PRIVATE, "", person, ours=LEFT)
        return person

    def chat_of(self, person: Person) -> Chat:
        """Their private chat with the bot."""
        return self.chats[person.id]

    def started(self, first_name: str = "Ada") -> Chat:
        """The private chat of somebody who has written to the bot."""
        chat = self.chat_of(self.person(first_name))
        chat.ours = MEMBER
        return chat

    def group(
        self,
        title: str = "Alpha Traders",
        *,
        kind: str = SUPERGROUP,
        creator: Person | None = None,
        is_forum: bool = False,
    ) -> Chat:
        """A new group that the bot is in."""
        number = next(self._group_ids)
        chat_id = -number if kind == GROUP else -1_000_000_000_000 - number
        chat = Chat(chat_id, kind, title, topics={GENERAL: True} if is_forum else None)
        chat.members[(creator or self.person("Creator")).id] = CREATOR
        self.chats[chat_id] = chat
        return chat

    def topic(self, chat: Chat) -> int:
        """A new topic of a forum."""
        assert chat.topics is not None
        thread_id = max(chat.topics) + 1
        chat.topics[thread_id] = True
        return thread_id

    def find(self, chat_id: int | None) -> Chat:
        """A chat that the bot has met. Raises Refusal."""
        chat = None if chat_id is None else self.chats.get(chat_id)
        if chat is None:
            raise bad_request("chat not found" if chat_id is not None else "chat_id is empty")
        return chat

    def member(self, chat: Chat, user_id: int | None) -> dict[str, Any]:
        """Who somebody is in a chat. Raises Refusal."""
        if user_id == BOT["id"]:
            return _member(dict(BOT), chat.ours)
        person = self.people.get(user_id or 0)
        if person is None:
            raise bad_request("member not found")
        if chat.type == PRIVATE:
            return _member(person.plain(), MEMBER if person.id == chat.id else LEFT)
        return _member(person.plain(), chat.members.get(person.id, LEFT))

    def administrators(self, chat: Chat) -> list[dict[str, Any]]:
        """Raises Refusal."""
        if chat.type == PRIVATE:
            raise bad_request("there are no administrators in the private chat")
        return [
            _member(self.people[user_id].plain(), status)
            for user_id, status in chat.members.items()
            if status in {CREATOR, ADMINISTRATOR}
        ]


def _member(user: Mapping[str, Any], status: str) -> dict[str, Any]:
    member: dict[str, Any] = {"user": dict(user), "status": status}
    if status == ADMINISTRATOR:
        member |= dict.fromkeys(_RIGHTS, False)
    if status == CREATOR:
        member["is_anonymous"] = False
    if status == KICKED:
        member["until_date"] = 0
    return member
