"""Chats on Telegram, as endpoints: the house's, which a chat sets up itself, and those of apps."""

from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import Channel
from alerts.errors import Conflict
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.places import all_at, find_place
from alerts.store.endpoints import EndpointRecord

# What describes an endpoint is no longer than its column.
_LONGEST_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class ChatDesk:
    """The endpoints that a chat is."""

    services: Services

    async def find(self, chat: TelegramChat) -> EndpointRecord | None:
        """What the chat set up itself: the house's endpoint."""
        return await find_place(chat.kept, channel=Channel.TELEGRAM, desk=self.services.desk)

    async def every(self, chat: TelegramChat) -> list[EndpointRecord]:
        """That one, and one for each app whose link was opened there; the oldest first."""
        return await all_at(chat.kept, channel=Channel.TELEGRAM, desk=self.services.desk)

    async def ensure(self, chat: TelegramChat, title: str) -> EndpointRecord:
        """The house's endpoint, made if there is none: of no token, both kinds, changes of band."""
        found = await self.find(chat)
        if found is not None:
            return found
        wish = Wish(description=title[:_LONGEST_TITLE], tokens=())
        desk = self.services.desk
        try:
            return await create_chat(chat.kept, wish, most_rate=chat.most_rate, desk=desk)
        except Conflict:
            # Somebody else in the chat was faster.
            made = await self.find(chat)
            if made is None:
                raise
            return made
