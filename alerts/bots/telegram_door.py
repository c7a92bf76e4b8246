"""The door: whatever is typed or pressed comes in here, is found, allowed, done and answered."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from telegram import (
    Bot,
    CallbackQuery,
    Chat,
    MaybeInaccessibleMessage,
    Message,
    MessageEntity,
    Update,
)
from telegram.constants import ChatType

from alerts.bootstrap import Services
from alerts.bots.refusals import BROKEN, LONGEST_PROBLEM, nearest_of, problem_of
from alerts.bots.telegram_admins import Admins
from alerts.bots.telegram_commands import Registry
from alerts.bots.telegram_members import Members
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_voice import Voice
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import read_data
from alerts.channels.telegram_markup import literal

# A button that is pressed shows that something is done for so long at most.
SPINNING_SECONDS: Final = 1.5
# What takes longer is broken.
LONGEST_SECONDS: Final = 30.0
OLD_BUTTON: Final = "This button is old; /help says what there is now."
ADMINS_ONLY: Final = "In a group that is for its admins alone."
# What may be the symbol or the id of a token, typed without a command.
_NAME: Final = re.compile(r"\$?(?P<name>[\w.:+-]{1,64})")
_UNKNOWN: Final = "I do not know that one. /help says what I do."
_CHATTER: Final = "Write a token's symbol, such as BTC, and I show its grades. /help says the rest."


@dataclass(frozen=True, slots=True)
class _Typed:
    """A command as it was typed. is_ours: it names us, or nobody."""

    name: str
    words: tuple[str, ...]
    is_named: bool


class Door:
    """For one session. registry: what there is to be done."""

    def __init__(self, bot: Bot, registry: Registry, *, services: Services) -> None:
        self._username = bot.username.lower()
        self._voice = Voice(bot, services.clock)
        self._registry = registry
        self._admins = Admins(bot, services.clock)
        self._members = Members(services, self._voice)

    async def take(self, update: Update) -> None:
        """One update, of any kind that we ask for."""
        if update.callback_query is not None:
            await self._pressed(update.callback_query)
        elif update.my_chat_member is not None:
            await self._members.changed(update.my_chat_member)
        elif update.message is not None:
            await self._written(update.message)

    async def _written(self, message: Message) -> None:
        # Both chats say so, and either may come first.
        if message.migrate_to_chat_id is not None:
            await self._members.moved(message.chat.id, message.migrate_to_chat_id)
        if message.migrate_from_chat_id is not None:
            await self._members.moved(message.migrate_from_chat_id, message.chat.id)
        typed = self._read(message)
        if typed is None:
            if message.chat.type == ChatType.PRIVATE and message.text:
                await self._chatted(message)
            return
        command = self._registry.commands.get(typed.name)
        chat = place_of(message)
        if command is not None:
            asked = _asked(message, words=typed.words)
            await self._voice.say(chat, await self._do(command, asked, _who(message)))
        elif typed.is_named or not chat.is_group:
            await self._voice.say(chat, Said(hint=_UNKNOWN))

    async def _chatted(self, message: Message) -> None:
        match = _NAME.fullmatch((message.text or "").strip())
        grade = self._registry.commands.get("grade")
        said = Said(hint=_CHATTER)
        if match is not None and grade is not None:
            asked = _asked(message, words=(match["name"],))
            said = await self._do(grade, asked, _who(message))
        await self._voice.say(place_of(message), said)

    async def _pressed(self, query: CallbackQuery) -> None:
        message = query.message
        wanted = read_data(query.data or "")
        press = None if wanted is None else self._registry.presses.get(wanted.verb)
        if message is None or press is None:
            await self._voice.hint(query.id, OLD_BUTTON)
            return
        chat = place_of(message)
        asked = Asked(
            chat=chat,
            title=message.chat.title or query.from_user.first_name,
            is_private=message.chat.type == ChatType.PRIVATE,
            language=query.from_user.language_code or "",
            wanted=wanted,
        )
        # By who presses it and where, whatever it says: a client may send what no button had.
        doing = asyncio.ensure_future(self._do(press, asked, query.from_user.id))
        try:
            await asyncio.wait({doing}, timeout=SPINNING_SECONDS)
            is_late = not doing.done()
            if is_late:
                await self._voice.hint(query.id)
            said = await doing
        finally:
            doing.cancel()
        if not is_late:
            await self._voice.hint(query.id, said.hint)
        is_replaced = not said.is_new and isinstance(message, Message)
        if is_replaced and (said.lines or said.buttons):
            await self._voice.rewrite(chat, message.message_id, said)
        if is_late and not said.lines:
            await self._voice.say(chat, Said(hint=said.hint))
        elif said.lines and not is_replaced:
            await self._voice.say(chat, said)

    async def _do(self, what: Command | Press, asked: Asked, who: int | None) -> Said:
        """What is said of it; of what broke, or is not for them, that. who: None for an admin."""

        async def tell() -> Said:
            needs_admin = what.changes and asked.chat.is_group and who is not None
            if needs_admin and not await self._admins.holds(asked.chat.id, who or 0):
                return Said(hint=ADMINS_ONLY)
            return await what.tell(asked)

        return await _told(tell)

    def _read(self, message: Message) -> _Typed | None:
        """The command that a message begins with; None for none, and for another bot's."""
        text = message.text or ""
        for entity in message.entities:
            if entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0:
                name, _, bot = text[1 : entity.length].partition("@")
                if bot and bot.lower() != self._username:
                    return None
                return _Typed(name.lower(), tuple(text[entity.length :].split()), bool(bot))
        return None


async def _told(tell: Callable[[], Awaitable[Said]]) -> Said:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await tell()
    except Exception as error:  # noqa: BLE001 - answered, and logged where it is ours.
        return refusal(error)


def refusal(cause: Exception) -> Said:
    """What was wrong, for whoever asked; what is ours to mend is in the log alone."""
    problem = problem_of(cause)
    if problem is None:
        return Said(hint=BROKEN)
    nearest = ", ".join(literal(each) for each in nearest_of(cause))
    asked = f" Do you mean {nearest}?" if nearest else ""
    return Said(hint=f"{literal(problem, most=LONGEST_PROBLEM)}.{asked}")


def place_of(message: MaybeInaccessibleMessage) -> TelegramChat:
    """Where a message stands: in a forum its topic, for General has no number of its own.

    https://core.telegram.org/bots/api#message
    """
    if isinstance(message, Message) and message.is_topic_message:
        return TelegramChat(message.chat.id, message.message_thread_id)
    return TelegramChat(message.chat.id)


def _asked(message: Message, *, words: tuple[str, ...]) -> Asked:
    chat, person = message.chat, message.from_user
    return Asked(
        chat=place_of(message),
        title=_title(chat) or (person.first_name if person else ""),
        is_private=chat.type == ChatType.PRIVATE,
        language=(person.language_code if person else None) or "",
        words=words,
    )


def _title(chat: Chat) -> str:
    return chat.title or chat.first_name or ""


def _who(message: Message) -> int | None:
    """Who wrote it; None for an admin who stays nameless, as whom the group itself writes."""
    sender = message.sender_chat
    if sender is not None and sender.id == message.chat.id:
        return None
    return message.from_user.id if message.from_user is not None else 0
