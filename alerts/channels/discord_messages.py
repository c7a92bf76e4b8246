"""Discord messages: an event as the embeds, and the picture, that a channel is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts.channels.discord_text import literal
from alerts.domain.digests import Digest, read_digest
from alerts.domain.events import EventType

# An embed as Discord's API takes it.
Embed = Mapping[str, object]
PICTURE_NAME = "week.png"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be drawn, and what is said to those who do not see it."""

    digest: Digest
    alt: str


@dataclass(frozen=True, slots=True)
class DiscordMessage:
    """A message that fits Discord's limits. It mentions nobody.

    embeds: as the API takes them; the one with the picture has none until `with_picture`.
    picture: to be drawn by a `Painter`; None where there is nothing to see.
    """

    embeds: tuple[Embed, ...]
    picture: Picture | None = None

    def with_picture(self) -> "DiscordMessage":
        """The message whose first embed shows the attachment PICTURE_NAME."""
        first, *others = self.embeds
        shown = {**first, "image": {"url": f"attachment://{PICTURE_NAME}"}}
        return DiscordMessage((shown, *others), self.picture)


def render(body: bytes) -> DiscordMessage:
    """An event's stored body as a message. Pure, and the same each time: a preview is the post."""
    event = msgspec.json.decode(body)
    if event["type"] == EventType.DIGEST_WEEKLY:
        return render_digest(event)
    return render_event(event)


def render_digest(event: Mapping[str, Any]) -> DiscordMessage:
    """A `digest.weekly`, parsed."""
    digest = read_digest(event["data"])
    up = sum(kind.upgrades.total for kind in digest.kinds)
    down = sum(kind.downgrades.total for kind in digest.kinds)
    counts = f"{up} upgrades, {down} downgrades."
    picture = Picture(digest, counts)
    return DiscordMessage(({"title": "Weekly grades", "description": counts},), picture)


def render_event(event: Mapping[str, Any]) -> DiscordMessage:
    """Any other event, parsed: a change of a grade, at once."""
    token = event["data"].get("token")
    name = "Gradebell" if token is None else literal(token["symbol"])
    return DiscordMessage(({"title": name, "description": literal(event["type"])},))
