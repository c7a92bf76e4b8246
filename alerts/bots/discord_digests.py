"""`/digest …` on Discord: for whoever may manage the server, answered to them alone."""

from io import BytesIO
from typing import Final
from zoneinfo import available_timezones

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.digests import Asked, DigestDesk
from alerts.channels.discord_address import BotChannel, read_kept
from alerts.channels.discord_text import literal, moment
from alerts.domain.deliveries import Channel, EndpointState
from alerts.domain.meanings import MEANINGS
from alerts.domain.summaries import WhenEmpty
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline.digest import Week
from alerts.pipeline.places import list_places
from alerts.store.endpoints import EndpointRecord

Place = discord.TextChannel | discord.Thread

DAYS: Final = [
    app_commands.Choice(name=name, value=number)
    for number, name in enumerate(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), start=1
    )
]
ZONES: Final = sorted(available_timezones())
# https://docs.discord.com/developers/interactions/application-commands#autocomplete
MOST_CHOICES: Final = 25
MOST_LISTED: Final = 20
_MANAGERS: Final = discord.Permissions(manage_guild=True)


class DigestGroup(app_commands.Group):
    """The commands. Discord itself keeps them from whoever may not manage the server."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            name="digest",
            description="The weekly digest of grade changes in a channel.",
            guild_only=True,
            default_permissions=_MANAGERS,
        )
        self._services = services
        self._desk = DigestDesk(services, Channel.DISCORD)

    @app_commands.command(name="setup", description="Post a weekly digest in a channel.")
    @app_commands.describe(
        channel="Where to post.",
        day="On which day.",
        hour="At which hour, 0 to 23, in the time zone.",
        zone="The time zone, such as Europe/Berlin.",
        role="A role that the digest mentions; nobody, unless you choose.",
        quiet_weeks="Say so of a week without changes; else nothing is posted then.",
        upgrades="Post upgrades at once, too.",
    )
    @app_commands.choices(day=DAYS)
    async def setup(
        self,
        interaction: discord.Interaction,
        *,
        channel: Place,
        day: app_commands.Choice[int],
        hour: app_commands.Range[int, 0, 23],
        zone: str,
        role: discord.Role | None = None,
        quiet_weeks: bool = False,
        upgrades: bool = False,
    ) -> None:
        """Make a channel's digest, or change the one that it has."""
        await interaction.response.defer(ephemeral=True)
        if zone not in ZONES:
            raise InvalidInput("zone", "must be a time zone such as Europe/Berlin")
        _require_permissions(channel)
        asked = Asked(
            weekday=day.value,
            hour=hour,
            time_zone=zone,
            role=None if role is None else str(role.id),
            says_when_empty=quiet_weeks,
            at_once=upgrades,
        )
        endpoint = await self._desk.set_up(
            _address(channel), asked, description=f"#{channel.name} in {channel.guild.name}"[:200]
        )
        week, _ = await self._desk.preview(endpoint)
        await _answer(
            interaction,
            f"{channel.mention} gets its digest on {day.name}s at {hour}:00, {zone}. "
            f"{_next(week)} `/digest preview` shows it as it would be now.",
        )

    @setup.autocomplete("zone")
    async def _zones(
        self, _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        asked = current.strip().casefold().replace(" ", "_")
        found = [zone for zone in ZONES if asked in zone.casefold()]
        return [app_commands.Choice(name=zone, value=zone) for zone in found[:MOST_CHOICES]]

    @app_commands.command(name="preview", description="Show you the next digest as it is now.")
    @app_commands.describe(channel="Whose; this channel's, unless you choose.")
    async def preview(self, interaction: discord.Interaction, channel: Place | None = None) -> None:
        """The very message that would be posted, to whoever asked alone."""
        await interaction.response.defer(ephemeral=True)
        place = _place(interaction, channel)
        endpoint = await self._desk.find(_address(place))
        week, body = await self._desk.preview(endpoint)
        post = await self._services.discord.compose(body, role=endpoint.role)
        skips = week.digest.is_empty and week.settings.when_empty is WhenEmpty.SKIP
        notice = " Nothing changed so far, and then nothing is posted." if skips else ""
        await interaction.followup.send(
            f"{_next(week)} In {place.mention}, {week.window.time_zone}.{notice}",
            embeds=[discord.Embed.from_dict(dict(each)) for each in post.payload["embeds"]],
            files=[
                discord.File(BytesIO(each.content), each.name, description=each.alt)
                for each in post.attachments
            ],
            allowed_mentions=discord.AllowedMentions.none(),
            ephemeral=True,
        )

    @app_commands.command(name="now", description="Post the coming digest now, not at its time.")
    @app_commands.describe(channel="Whose; this channel's, unless you choose.")
    async def now(self, interaction: discord.Interaction, channel: Place | None = None) -> None:
        """Post early; what happens until its time is in the one after."""
        await interaction.response.defer(ephemeral=True)
        endpoint = await self._desk.find(_address(_place(interaction, channel)))
        if endpoint.state is not EndpointState.ACTIVE:
            raise Conflict("this digest is out of service; `/digest resume` takes it back")
        is_sent = await self._desk.send_now(endpoint)
        said = "It is on its way." if is_sent else "Nothing changed, so there is nothing to post."
        await _answer(interaction, said)

    @app_commands.command(name="pause", description="Post nothing until `/digest resume`.")
    @app_commands.describe(channel="Where; in this channel, unless you choose.")
    async def pause(self, interaction: discord.Interaction, channel: Place | None = None) -> None:
        """Out of service."""
        await interaction.response.defer(ephemeral=True)
        place = _place(interaction, channel)
        await self._desk.pause(await self._desk.find(_address(place)))
        await _answer(interaction, f"Nothing is posted in {place.mention} until `/digest resume`.")

    @app_commands.command(name="resume", description="Post again, from now on.")
    @app_commands.describe(channel="Where; in this channel, unless you choose.")
    async def resume(self, interaction: discord.Interaction, channel: Place | None = None) -> None:
        """Back into service."""
        await interaction.response.defer(ephemeral=True)
        place = _place(interaction, channel)
        endpoint = await self._desk.find(_address(place))
        _require_permissions(place)
        await self._desk.resume(endpoint)
        week, _ = await self._desk.preview(endpoint)
        await _answer(interaction, f"{place.mention} is told again. {_next(week)}")

    @app_commands.command(name="remove", description="End a channel's digest for good.")
    @app_commands.describe(channel="Whose; this channel's, unless you choose.")
    async def remove(self, interaction: discord.Interaction, channel: Place | None = None) -> None:
        """Delete it, and its log."""
        await interaction.response.defer(ephemeral=True)
        place = _place(interaction, channel)
        await self._desk.remove(await self._desk.find(_address(place)))
        await _answer(interaction, f"{place.mention} is told nothing any more.")

    @app_commands.command(name="settings", description="Show the digests of this server.")
    async def settings(self, interaction: discord.Interaction) -> None:
        """Every channel's, and why one is out of service."""
        await interaction.response.defer(ephemeral=True)
        lines = []
        for place in await list_places(channel=Channel.DISCORD, desk=self._services.desk):
            kept = read_kept(place.address)
            if isinstance(kept, BotChannel) and kept.guild_id == str(interaction.guild_id):
                lines.append(await self._line(kept, place.endpoint))
        shown = lines[:MOST_LISTED]
        if len(lines) > MOST_LISTED:
            shown.append(f"and {len(lines) - MOST_LISTED} more")
        none = "No channel has a digest here; `/digest setup` makes one."
        await _answer(interaction, "\n".join(shown) or none)

    async def _line(self, kept: BotChannel, endpoint: EndpointRecord) -> str:
        if endpoint.state is EndpointState.PAUSED:
            return f"<#{kept.id}>: paused; `/digest resume` goes on."
        if endpoint.disabled_reason is not None:
            meaning = MEANINGS[type(endpoint.disabled_reason)][endpoint.disabled_reason]
            return f"<#{kept.id}>: out of service. {meaning.means}"
        week, _ = await self._desk.preview(endpoint)
        role = "" if endpoint.role is None else f", mentions <@&{endpoint.role}>"
        also = ", upgrades at once" if endpoint.filter.types else ""
        return f"<#{kept.id}>: {_next(week)} {week.window.time_zone}{role}{also}"


def _place(interaction: discord.Interaction, channel: Place | None) -> Place:
    chosen = channel or interaction.channel
    if not isinstance(chosen, discord.TextChannel | discord.Thread):
        raise InvalidInput("channel", "must be a text channel or a thread")
    return chosen


def _address(place: Place) -> str:
    return BotChannel(str(place.guild.id), str(place.id)).kept


def _require_permissions(place: Place) -> None:
    """Raises Conflict that names what the bot lacks, in the words of Discord's settings."""
    may = place.permissions_for(place.guild.me)
    is_thread = isinstance(place, discord.Thread)
    needed = {
        "View Channel": may.view_channel,
        "Send Messages in Threads" if is_thread else "Send Messages": (
            may.send_messages_in_threads if is_thread else may.send_messages
        ),
        "Embed Links": may.embed_links,
        "Attach Files": may.attach_files,
    }
    missing = [name for name, has in needed.items() if not has]
    if missing:
        raise Conflict(
            f"I lack {', '.join(missing)} in #{literal(place.name)}: open Edit Channel, "
            "Permissions, add me there, and allow that; then try again"
        )


def _next(week: Week) -> str:
    at = week.window.ends_at
    return f"Next post {moment(at, 'F')} ({moment(at, 'R')})."


async def _answer(interaction: discord.Interaction, text: str) -> None:
    await interaction.followup.send(
        text, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
    )
