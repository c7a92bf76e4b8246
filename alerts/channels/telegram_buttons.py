"""What is on a button, and what comes back when it is pressed.

Keyboards stay in chats for ever, so what they say names its version; and anybody may send
anything as if a button had it, so it says what is wanted, and never who may want it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

VERSION: Final = "v1"
# Telegram takes 64 bytes: https://core.telegram.org/bots/api#inlinekeyboardbutton
_DATA: Final = re.compile(rf"{VERSION}:(?P<verb>[a-z]+)(?::(?P<subject>[\x21-\x7e]+))?")


class Verb(StrEnum):
    """What a button is for, and what stands behind it.

    Under messages an event's id, of ALL with the page; of tokens what `bots/telegram_subjects.py`
    makes; of LIST a page; of SET and MUTES what is chosen.
    """

    MUTE = "mute"
    EDIT = "edit"
    STOP = "stop"
    ALL = "all"
    UNMUTE = "unmute"
    KEEP = "keep"
    SET = "set"
    MUTES = "mutes"
    LONG = "long"
    PAUSE = "pause"
    RESUME = "resume"
    WHY = "why"
    LIST = "list"
    CARD = "card"
    GRADE = "grade"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    HUSH = "hush"
    UNHUSH = "unhush"
    ADD = "add"
    ERASE = "erase"
    SPARE = "spare"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a press asks for."""

    verb: Verb
    subject: str = ""

    @property
    def data(self) -> str:
        """As a button carries it."""
        return f"{VERSION}:{self.verb}:{self.subject}" if self.subject else f"{VERSION}:{self.verb}"


@dataclass(frozen=True, slots=True)
class Button:
    """One button. label: what it says."""

    label: str
    wanted: Wanted


Rows = tuple[tuple[Button, ...], ...]


def read_data(data: str) -> Wanted | None:
    """What was wanted; None for what no button of this version says."""
    match = _DATA.fullmatch(data)
    if match is None or match["verb"] not in set(Verb):
        return None
    return Wanted(Verb(match["verb"]), match["subject"] or "")


def keyboard(rows: Rows) -> dict[str, Any]:
    """Rows as the Bot API takes them."""
    return {
        "inline_keyboard": [
            [{"text": each.label, "callback_data": each.wanted.data} for each in row]
            for row in rows
        ]
    }
