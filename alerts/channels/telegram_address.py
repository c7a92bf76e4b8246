"""Where on Telegram: a chat by its id, and in a forum a topic of it."""

import re
from dataclasses import dataclass
from typing import Final

# About one message a second in a chat, and 20 a minute in a group:
# https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
CHAT_GAP_SECONDS: Final = 1.0
GROUP_GAP_SECONDS: Final = 60.0 / 18
_KEPT: Final = re.compile(r"chats/(?P<id>-?[1-9][0-9]{0,18})(?:/(?P<thread>[1-9][0-9]{0,18}))?")


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """A chat; thread_id: of a topic, None for all that is none, General included."""

    id: int
    thread_id: int | None = None

    @property
    def kept(self) -> str:
        """As it is stored, and as endpoints are told apart by it."""
        return f"chats/{self._place}"

    @property
    def shown(self) -> str:
        """As its owner sees it."""
        return f"telegram:{self._place}"

    @property
    def is_group(self) -> bool:
        """Whether more than one person is there. https://core.telegram.org/bots/api#chat"""
        return self.id < 0

    @property
    def most_rate(self) -> float:
        """Messages a second that it takes."""
        return 1 / (GROUP_GAP_SECONDS if self.is_group else CHAT_GAP_SECONDS)

    @property
    def _place(self) -> str:
        return f"{self.id}" if self.thread_id is None else f"{self.id}/{self.thread_id}"


def read_chat(address: str) -> TelegramChat | None:
    """What a stored address leads to; None for anything else."""
    match = _KEPT.fullmatch(address)
    if match is None:
        return None
    return TelegramChat(int(match["id"]), int(match["thread"]) if match["thread"] else None)
