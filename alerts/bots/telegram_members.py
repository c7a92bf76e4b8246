"""Where our bot is on Telegram, and where no more: blocked, removed, invited again, moved."""

from dataclasses import dataclass
from typing import Final

from telegram import Chat, ChatMember, ChatMemberUpdated
from telegram.constants import ChatType

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.telegram_says import Said
from alerts.bots.telegram_voice import Voice
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_markup import say
from alerts.domain.deliveries import DisableReason, EndpointState
from alerts.pipeline.chat_life import move_chat
from alerts.pipeline.places import Place, close_places
from alerts.telemetry import Step, emit

_GONE: Final = frozenset({ChatMember.BANNED, ChatMember.LEFT})
_AGAIN: Final = "I am here again. /start goes on with what was set up."
_NEW: Final = (
    "Hello. I tell when the grades of crypto tokens change. An admin sets up what is told here: "
    "/start; in a forum, in the topic where it is to be told."
)


@dataclass(frozen=True, slots=True)
class Members:
    """Follows what becomes of our membership."""

    services: Services
    voice: Voice

    async def changed(self, change: ChatMemberUpdated) -> None:
        """We were blocked or removed, or are back."""
        before, now = change.old_chat_member.status, change.new_chat_member.status
        if now in _GONE:
            await self._lost(change.chat)
        elif before in _GONE and change.chat.type != ChatType.CHANNEL:
            await self._back(change.chat)

    async def moved(self, old: int, new: int) -> None:
        """A group has become a supergroup, with an id of its own."""
        here, there = TelegramChat(old).kept, TelegramChat(new).kept
        desk = self.services.desk
        for endpoint in await move_chat(here, there, desk=desk):
            emit(Step.ENDPOINT_MOVED, endpoint=endpoint.id)

    async def _lost(self, chat: Chat) -> None:
        is_private = chat.type == ChatType.PRIVATE
        reason = DisableReason.BLOCKED if is_private else DisableReason.REMOVED
        await close_places(await self._places(chat), reason, desk=self.services.desk)

    async def _back(self, chat: Chat) -> None:
        places = await self._places(chat)
        is_kept = any(each.endpoint.state is EndpointState.DISABLED for each in places)
        if is_kept or chat.type != ChatType.PRIVATE:
            said = Said(lines=([say(_AGAIN if is_kept else _NEW)],))
            await self.voice.say(TelegramChat(chat.id), said)

    async def _places(self, chat: Chat) -> list[Place]:
        """What is told there; of a forum in General.

        The rest of a forum could be found by looking through all chats alone. Its topics end with
        the next message that is refused, and go on with the next one where nothing was told.
        """
        here = TelegramChat(chat.id)
        every = await ChatDesk(self.services).every(here)
        return [Place(here.kept, each) for each in every]
