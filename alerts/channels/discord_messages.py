"""Discord messages: events as the embeds, and the picture, that a channel is shown."""

import msgspec

from alerts.channels.discord_digests import render_digest
from alerts.channels.discord_embeds import PICTURE_NAME, DiscordMessage, Embed, Picture
from alerts.channels.discord_events import render_event
from alerts.channels.discord_summaries import render_summary
from alerts.domain.digests import read_digest
from alerts.domain.events import EventType

__all__ = ["PICTURE_NAME", "DiscordMessage", "Embed", "Picture", "render"]


def render(*bodies: bytes) -> DiscordMessage:
    """The message of one event, or of several together. Pure: a preview is the post.

    bodies: as they are stored, oldest first.
    """
    events = [msgspec.json.decode(body) for body in bodies]
    if len(events) > 1:
        return render_summary(events)
    (event,) = events
    # One whose content was expunged says nothing of a week any more.
    if event["type"] == EventType.DIGEST_WEEKLY and "kinds" in event["data"]:
        return render_digest(read_digest(event["data"]))
    return render_event(event)
