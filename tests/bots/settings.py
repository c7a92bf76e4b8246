"""What people press in `/settings`, one button after the other, and what stands there then."""

import re
from collections.abc import Sequence

from alerts.bots.chats import ChatDesk
from alerts.channels.telegram_address import TelegramChat
from alerts.store.endpoints import EndpointRecord
from tests.bots.talks import Message, Talk, labels, said_by_bot
from tests.telegram.world import Chat, Person


async def endpoint(talk: Talk, chat: Chat) -> EndpointRecord:
    found = await ChatDesk(talk.services).find(TelegramChat(chat.id))
    assert found is not None
    return found


async def press_all(talk: Talk, person: Person, message: Message, names: Sequence[str]) -> Message:
    """Buttons one after the other, which all stand under one message; as it is then."""
    chat = talk.telegram.world.chat_of(person)
    for name in names:
        (shown,) = [
            each for each in said_by_bot(chat) if each["message_id"] == message["message_id"]
        ]
        await talk.press(person, shown, full(shown, name))
    (shown,) = [each for each in said_by_bot(chat) if each["message_id"] == message["message_id"]]
    return shown


def full(message: Message, name: str) -> str:
    """The label of the button that begins so, whatever its clock shows."""
    (found,) = [each for each in labels(message) if each.startswith(name)]
    return found


def lines(message: Message) -> list[str]:
    """What a message says, the clock left out."""
    return [
        re.sub(r"[0-9]{2}:[0-9]{2} now", "HH:MM now", each) for each in message["text"].split("\n")
    ]
