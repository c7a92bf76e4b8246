"""Discord messages: an event as the embeds, and the picture, that a channel is shown."""

import msgspec

from alerts.channels.discord_digests import render_digest
from alerts.channels.discord_embeds import PICTURE_NAME, DiscordMessage, Embed, Picture
from alerts.channels.discord_events import render_event
from alerts.domain.digests import read_digest
from alerts.domain.events import EventType

__all__ = ["PICTURE_NAME", "DiscordMessage", "Embed", "Picture", "render"]


def render(body: bytes) -> DiscordMessage:
    """An event's stored body as a message. Pure, and the same each time: a preview is the post."""
    event = msgspec.json.decode(body)
    # One whose content was expunged says nothing of a week any more.
    if event["type"] == EventType.DIGEST_WEEKLY and "kinds" in event["data"]:
        return render_digest(read_digest(event["data"]))
    return render_event(event)
