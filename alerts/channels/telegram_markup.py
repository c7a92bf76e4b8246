"""Text for Telegram: HTML of which nothing is anybody's but ours, and the same in plain words.

https://core.telegram.org/bots/api#html-style
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from alerts.channels.wording import LONGEST_NAME, MONTHS, isolated, shown

# Characters after entities: https://core.telegram.org/bots/api#sendmessage
MOST_TEXT: Final = 4096
LONGEST_LINK: Final = 2000
DISCLAIMER: Final = "Model output, not financial advice."
UP, DOWN, LEVEL = "🟢", "🔴", "🔵"
# Behind one of these a client makes a link, a mention, a command or a tag of what follows. A word
# joiner takes no room, and keeps it from that.
_SIGNS: Final = re.compile(r"([.@/#$:])")
_WORD_JOINER: Final = "\u2060"
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s/<>\"]+[^\s<>\"]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text. opening, closing: the tags around it."""

    text: str
    opening: str = ""
    closing: str = ""

    @property
    def html(self) -> str:
        return f"{self.opening}{html.escape(self.text, quote=False)}{self.closing}"


Line = Sequence[Piece]


def say(text: str) -> Piece:
    """Text as it is."""
    return Piece(text)


def bold(text: str) -> Piece:
    """Text that is seen first."""
    return Piece(text, "<b>", "</b>")


def italic(text: str) -> Piece:
    """Text that is said aside."""
    return Piece(text, "<i>", "</i>")


def typed(text: str) -> Piece:
    """What can be typed, as it is: a client copies it where it is pressed."""
    return Piece(text, "<code>", "</code>")


def block(text: str) -> Piece:
    """Lines of which each letter is as wide as any other, so that columns stand."""
    return Piece(text, "<pre>", "</pre>")


def linked(text: str, url: str | None) -> Piece:
    """Text that leads to a page, if there is one that it can lead to."""
    if url is None or len(url) > LONGEST_LINK or not _WEB_ADDRESS.fullmatch(url):
        return say(text)
    return Piece(text, f'<a href="{html.escape(url)}">', "</a>")


def moment(at: datetime) -> Piece:
    """A time that everybody sees in their own zone; where a client cannot do that, in UTC."""
    utc = at.astimezone(UTC)
    text = f"{utc.day} {MONTHS[utc.month - 1]} {utc.year} {utc:%H:%M} UTC"
    return Piece(text, f'<tg-time unix="{int(at.timestamp())}" format="Dt">', "</tg-time>")


def day_of(at: datetime) -> Piece:
    """The day of a time, as everybody has it in their own zone."""
    utc = at.astimezone(UTC)
    text = f"{utc.day} {MONTHS[utc.month - 1]} {utc.year}"
    return Piece(text, f'<tg-time unix="{int(at.timestamp())}" format="D">', "</tg-time>")


def literal(name: str, *, most: int = LONGEST_NAME) -> str:
    """What others wrote, as it is: no link, no mention, no command, and its direction kept to it.

    most: characters of it that are shown; an ellipsis says that there are more.
    """
    return isolated(_SIGNS.sub(rf"\1{_WORD_JOINER}", shown(name, most=most)))


def as_html(lines: Iterable[Line]) -> str:
    """Lines as Telegram reads them."""
    return "\n".join("".join(piece.html for piece in line) for line in lines)


def as_plain(lines: Iterable[Line]) -> str:
    """The same without any markup: what is left to be said where that is not taken."""
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def length(lines: Iterable[Line]) -> int:
    """How long they are as Telegram counts: characters, after entities."""
    return len(as_plain(lines))
