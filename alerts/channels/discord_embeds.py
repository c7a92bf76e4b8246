"""Embeds: what Discord shows a message as, and how much goes into one."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alerts.channels.discord_text import width
from alerts.domain.digests import Digest

# https://docs.discord.com/developers/resources/message#embed-object-embed-limits
EMBEDS: Final = 10
CHARACTERS: Final = 6000
FIELDS: Final = 25
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
# https://docs.discord.com/developers/resources/message#attachment-object: a description's length.
ALT_TEXT: Final = 1024

PICTURE_NAME: Final = "week.png"
# Changes of each direction that a picture shows, at most.
PICTURE_ROWS: Final = 4
# Where a process that draws keeps what fonts it found, which takes it a second.
FOLDER_PREFIX: Final = "gradebell-painter-"
# What a process that draws writes before each picture: its length, four bytes, network order.
PICTURE_LENGTH: Final = struct.Struct("!I")
# An embed as Discord's API takes it.
Embed = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be drawn, and what is said to those who do not see it."""

    digest: Digest
    alt: str


@dataclass(frozen=True, slots=True)
class DiscordMessage:
    """A message that fits Discord's limits, and mentions nobody.

    picture: to be drawn by a Painter; None where there is nothing to see.
    """

    embeds: tuple[Embed, ...]
    picture: Picture | None = None

    def with_picture(self) -> "DiscordMessage":
        """The message whose first embed shows the attachment PICTURE_NAME."""
        first, *others = self.embeds
        drawn = {**first, "image": {"url": f"attachment://{PICTURE_NAME}"}}
        return DiscordMessage((drawn, *others), self.picture)


@dataclass(slots=True)
class Field:
    """A field that grows by whole rows. total: of rows that there are, shown or not.

    between: what stands between two rows.
    """

    name: str
    rows: Sequence[str]
    total: int
    between: str = "\n"
    shown: int = 0

    def value(self, rows: int | None = None) -> str:
        """Its text with so many of its rows, and how many more there are."""
        count = self.shown if rows is None else rows
        more = self.total - count
        parts = list(self.rows[:count])
        if more:
            parts.append(f"and {more:,} more" if count else f"{more:,} in all")
        return self.between.join(parts)

    @property
    def cost(self) -> int:
        """Characters it takes of the message."""
        return width(self.name) + width(self.value())

    def grow(self, room: int) -> int | None:
        """Show one more row; the characters that takes. None: there is none, or it does not fit.

        room: characters that it may take, of the message.
        """
        if self.shown == len(self.rows):
            return None
        longer = self.value(self.shown + 1)
        taken = width(longer) - width(self.value())
        if width(longer) > FIELD_VALUE or taken > room:
            return None
        self.shown += 1
        return taken


@dataclass(slots=True)
class Page:
    """An embed in the making. colour: 0xRRGGBB."""

    colour: int
    title: str
    description: str = ""
    url: str | None = None
    footer: str = ""
    fields: list[Field] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """Characters it takes of the message."""
        texts = (self.title, self.description, self.footer)
        return sum(map(width, texts)) + sum(one.cost for one in self.fields)

    def embed(self) -> Embed:
        """As Discord's API takes it."""
        made: dict[str, object] = {"color": self.colour, "title": self.title}
        if self.description:
            made["description"] = self.description
        if self.url is not None:
            made["url"] = self.url
        if self.fields:
            made["fields"] = [{"name": one.name, "value": one.value()} for one in self.fields]
        if self.footer:
            made["footer"] = {"text": self.footer}
        return made


def fill(fields: Sequence[Field], room: int) -> int:
    """Give fields their rows, each its first before any its second; the room that is left."""
    growing = list(fields)
    while growing:
        left = []
        for one in growing:
            taken = one.grow(room)
            if taken is not None:
                room -= taken
                left.append(one)
        growing = left
    return room
