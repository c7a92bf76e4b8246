"""Where on a server our bot speaks, and what it lacks there."""

from collections.abc import Collection
from typing import Final

import discord

from alerts.bootstrap import Services
from alerts.channels.discord_address import BotChannel, read_kept
from alerts.channels.discord_text import literal
from alerts.domain.deliveries import Channel
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline.places import Place, list_places
from alerts.store.endpoints import EndpointRecord

# Whatever text can be posted in: forums have threads, and announcements are text channels, too.
Room = discord.TextChannel | discord.Thread
MANAGERS: Final = discord.Permissions(manage_guild=True)
# What `lacking` looks at, in channels and threads.
NEEDED: Final = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
)
IN_SERVERS: Final = discord.app_commands.AppCommandContext(guild=True)


def room_of(interaction: discord.Interaction, chosen: Room | None) -> Room:
    """The channel that was chosen, or the one that this was typed in. Raises InvalidInput."""
    room = chosen or interaction.channel
    if not isinstance(room, discord.TextChannel | discord.Thread):
        raise InvalidInput("channel", "must be a text channel or a thread")
    return room


def address_of(room: Room) -> str:
    """As its endpoint is found."""
    return BotChannel(str(room.guild.id), str(room.id)).kept


def lacking(room: Room) -> list[str]:
    """The permissions that the bot needs there and has not, in the words of Discord's settings."""
    may = room.permissions_for(room.guild.me)
    is_thread = isinstance(room, discord.Thread)
    needed = {
        "View Channel": may.view_channel,
        "Send Messages in Threads" if is_thread else "Send Messages": (
            may.send_messages_in_threads if is_thread else may.send_messages
        ),
        "Embed Links": may.embed_links,
        "Attach Files": may.attach_files,
    }
    return [name for name, has in needed.items() if not has]


def require_permissions(room: Room) -> None:
    """Raises Conflict that names what the bot lacks, and where to give it."""
    missing = lacking(room)
    if missing:
        raise Conflict(f"{mend(room, missing)}; then try again")


def may_post(guild: discord.Guild, kept: BotChannel) -> bool:
    """Whether the bot has all that it needs in a channel of a server, as far as it sees."""
    room = guild.get_channel_or_thread(int(kept.id))
    return isinstance(room, discord.TextChannel | discord.Thread) and not lacking(room)


def mend(room: Room, missing: Collection[str]) -> str:
    """How to give the bot what it lacks."""
    return (
        f"I lack {', '.join(missing)} in #{literal(room.name)}: open Edit Channel, Permissions, "
        "add me there, and allow that"
    )


async def bot_places(services: Services) -> list[tuple[BotChannel, Place]]:
    """All channels that our bot posts to."""
    places = await list_places(channel=Channel.DISCORD, desk=services.desk)
    found = [(read_kept(place.address), place) for place in places]
    return [(kept, place) for kept, place in found if isinstance(kept, BotChannel)]


async def endpoints_of(
    guild_id: int | None, *, services: Services
) -> list[tuple[BotChannel, EndpointRecord]]:
    """The channels of one server."""
    found = await bot_places(services)
    return [(kept, place.endpoint) for kept, place in found if kept.guild_id == str(guild_id)]
