"""`/digest …` on Discord: for whoever may manage the server, answered to them alone."""

from datetime import datetime
from io import BytesIO
from typing import Final
from zoneinfo import available_timezones

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.digests import Asked, DigestDesk
from alerts.bots.discord_places import (
    IN_SERVERS,
    MANAGERS,
    Room,
    address_of,
    endpoints_of,
    lacking,
    mend,
    require_permissions,
    room_of,
)
from alerts.bots.discord_reasons import standing
from alerts.bots.discord_says import answer, whole_lines
from alerts.bots.discord_tokens import MOST_CHOICES
from alerts.bots.watching import watched
from alerts.channels.discord_address import BotChannel
from alerts.channels.discord_text import counted, moment
from alerts.domain.deliveries import Channel, DisableReason, EndpointState
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.summaries import WhenEmpty
from alerts.errors import Conflict, InvalidInput
from alerts.store.endpoints import EndpointRecord

DAYS: Final = [
    app_commands.Choice(name=name, value=number)
    for number, name in enumerate(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), start=1
    )
]
ZONES: Final = sorted(available_timezones())
AT_ONCE: Final = {
    "upgrades": frozenset({EventType.UPGRADED}),
    "downgrades": frozenset({EventType.DOWNGRADED}),
    "upgrades and downgrades": BAND_CHANGES,
}
_AT_ONCE: Final = [app_commands.Choice(name=name, value=name) for name in AT_ONCE]
_GRADES: Final = [app_commands.Choice(name=kind.value, value=kind.value) for kind in Kind]
MOST_BANDS: Final = 4


class DigestGroup(app_commands.Group):
    """The commands. Discord itself keeps them from whoever may not manage the server."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            name="digest",
            description="The weekly digest of grade changes in a channel.",
            guild_only=True,
            allowed_contexts=IN_SERVERS,
            default_permissions=MANAGERS,
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
        at_once="What to post when it happens, beside the digest; nothing, unless you choose.",
        grades="Of which grades; both kinds, unless you choose.",
        bands="Changes of so many bands or more; 1, unless you choose.",
    )
    @app_commands.choices(day=DAYS)
    @app_commands.choices(at_once=_AT_ONCE, grades=_GRADES)
    async def setup(
        self,
        interaction: discord.Interaction,
        *,
        channel: Room,
        day: app_commands.Choice[int],
        hour: app_commands.Range[int, 0, 23],
        zone: str,
        role: discord.Role | None = None,
        quiet_weeks: bool = False,
        at_once: str | None = None,
        grades: str | None = None,
        bands: app_commands.Range[int, 1, MOST_BANDS] = 1,
    ) -> None:
        """Make a channel's digest, or change the one that it has."""
        await interaction.response.defer(ephemeral=True)
        if zone not in ZONES:
            raise InvalidInput("zone", "must be a time zone such as Europe/Berlin")
        if role is not None and role.is_default():
            raise InvalidInput("role", "must be one of your own, not @everyone")
        require_permissions(channel)
        asked = Asked(
            weekday=day.value,
            hour=hour,
            time_zone=zone,
            role=None if role is None else str(role.id),
            says_when_empty=quiet_weeks,
            at_once=frozenset() if at_once is None else AT_ONCE[at_once],
            kinds=frozenset(Kind) if grades is None else frozenset({Kind(grades)}),
            min_notches=bands,
        )
        endpoint = await self._set_up(channel, asked)
        await answer(
            interaction,
            f"{channel.mention} gets its digest on {day.name}s at {hour}:00, {zone}"
            f"{_more(endpoint)}. {_next(await self._desk.next_post(endpoint))}. "
            f"`/digest preview` shows it as it would be now.{_unheard(channel, role)}",
        )

    async def _set_up(self, channel: Room, asked: Asked) -> EndpointRecord:
        """A new channel watches what its server watches."""
        others = await endpoints_of(channel.guild.id, services=self._services)
        return await self._desk.set_up(
            address_of(channel),
            asked,
            description=f"#{channel.name} in {channel.guild.name}"[:200],
            tokens=watched([endpoint for _, endpoint in others]) or None,
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
    async def preview(self, interaction: discord.Interaction, channel: Room | None = None) -> None:
        """The very message that would be posted, to whoever asked alone."""
        await interaction.response.defer(ephemeral=True)
        place = room_of(interaction, channel)
        endpoint = await self._desk.find(address_of(place))
        week, body = await self._desk.preview(endpoint)
        post = await self._services.discord.compose([body], role=endpoint.role)
        skips = week.digest.is_empty and week.settings.when_empty is WhenEmpty.SKIP
        notice = " Nothing changed so far, and then nothing is posted." if skips else ""
        if endpoint.role is not None:
            notice = f"{notice} It will mention <@&{endpoint.role}>."
        stands = standing(endpoint)
        if stands is not None:
            notice = f"{notice} But just now it is {stands}."
        await answer(
            interaction,
            f"{_next(week.window.ends_at)} in {place.mention}, {week.window.time_zone}.{notice}",
            embeds=[discord.Embed.from_dict(dict(each)) for each in post.payload["embeds"]],
            files=[
                discord.File(BytesIO(each.content), each.name, description=each.alt)
                for each in post.attachments
            ],
        )

    @app_commands.command(name="now", description="Post the coming digest now, not at its time.")
    @app_commands.describe(channel="Whose; this channel's, unless you choose.")
    async def now(self, interaction: discord.Interaction, channel: Room | None = None) -> None:
        """Post early; what happens until its time is in the one after."""
        await interaction.response.defer(ephemeral=True)
        endpoint = await self._desk.find(address_of(room_of(interaction, channel)))
        if endpoint.state is not EndpointState.ACTIVE:
            raise Conflict("this digest is out of service; `/digest resume` takes it back")
        is_sent = await self._desk.send_now(endpoint)
        at = _next(await self._desk.next_post(endpoint))
        said = "It is on its way." if is_sent else "Nothing changed so far, so nothing is posted."
        await answer(interaction, f"{said} {at}.")

    @app_commands.command(name="pause", description="Post nothing until `/digest resume`.")
    @app_commands.describe(channel="Where; in this channel, unless you choose.")
    async def pause(self, interaction: discord.Interaction, channel: Room | None = None) -> None:
        """Out of service."""
        await interaction.response.defer(ephemeral=True)
        place = room_of(interaction, channel)
        await self._desk.pause(await self._desk.find(address_of(place)))
        await answer(interaction, f"Nothing is posted in {place.mention} until `/digest resume`.")

    @app_commands.command(name="resume", description="Post again, from now on.")
    @app_commands.describe(channel="Where; in this channel, unless you choose.")
    async def resume(self, interaction: discord.Interaction, channel: Room | None = None) -> None:
        """Back into service."""
        await interaction.response.defer(ephemeral=True)
        place = room_of(interaction, channel)
        endpoint = await self._desk.find(address_of(place))
        require_permissions(place)
        await self._desk.resume(endpoint)
        at = await self._desk.next_post(endpoint)
        await answer(interaction, f"{place.mention} is told again. {_next(at)}.")

    @app_commands.command(name="remove", description="End a channel's digest for good.")
    @app_commands.describe(
        channel="Whose; this channel's, unless you choose.",
        deleted="Those of channels and threads that were deleted, instead.",
    )
    async def remove(
        self,
        interaction: discord.Interaction,
        channel: Room | None = None,
        *,
        deleted: bool = False,
    ) -> None:
        """Delete it, and its log; a channel that is gone cannot be chosen any more."""
        await interaction.response.defer(ephemeral=True)
        if deleted:
            await answer(interaction, await self._forget(interaction.guild_id))
            return
        place = room_of(interaction, channel)
        await self._desk.remove(await self._desk.find(address_of(place)))
        await answer(interaction, f"{place.mention} is told nothing any more.")

    async def _forget(self, guild_id: int | None) -> str:
        found = await endpoints_of(guild_id, services=self._services)
        gone = [each for _, each in found if each.disabled_reason is DisableReason.GONE]
        for each in gone:
            await self._desk.remove(each)
        verb = "is" if len(gone) == 1 else "are"
        return f"{counted(len(gone), 'deleted channel')} {verb} forgotten."

    @app_commands.command(name="settings", description="Show the digests of this server.")
    async def settings(self, interaction: discord.Interaction) -> None:
        """Every channel's, and why one is out of service."""
        await interaction.response.defer(ephemeral=True)
        found = await endpoints_of(interaction.guild_id, services=self._services)
        lines = [await self._line(interaction.guild, *each) for each in found]
        none = "No channel has a digest here; `/digest setup` makes one."
        await answer(interaction, whole_lines(lines) or none)

    async def _line(
        self, guild: discord.Guild | None, kept: BotChannel, endpoint: EndpointRecord
    ) -> str:
        stands = standing(endpoint)
        if stands is None:
            zone = (endpoint.digest or {}).get("time_zone")
            stands = f"{_next(await self._desk.next_post(endpoint))}, {zone}{_more(endpoint)}"
        elif endpoint.disabled_reason is DisableReason.NO_PERMISSION:
            stands = f"{stands}. {_mends(guild, kept)}"
        return f"<#{kept.id}>: {stands}."


def _mends(guild: discord.Guild | None, kept: BotChannel) -> str:
    """What to do about a permission that lacked when something was to be posted."""
    room = None if guild is None else guild.get_channel_or_thread(int(kept.id))
    if not isinstance(room, discord.TextChannel | discord.Thread):
        return "I do not see that channel: give me View Channel there"
    missing = lacking(room)
    return mend(room, missing) if missing else "I may again; `/digest resume` goes on"


def _more(endpoint: EndpointRecord) -> str:
    """What was chosen beyond the time."""
    wanted, digest, chosen = endpoint.filter, endpoint.digest or {}, []
    if digest.get("role") is not None:
        chosen.append(f"mentions <@&{digest['role']}>")
    if wanted.types:
        (name,) = [name for name, types in AT_ONCE.items() if types == wanted.types] or ["more"]
        chosen.append(f"{name} at once")
    if wanted.kinds != frozenset(Kind):
        chosen.append(f"{', '.join(sorted(wanted.kinds))} grades")
    if wanted.min_notches > 1:
        chosen.append(f"changes of {wanted.min_notches} bands or more")
    if digest.get("when_empty") == WhenEmpty.SAY:
        chosen.append("weeks without changes, too")
    if wanted.tokens is not None:
        chosen.append(f"{counted(len(wanted.tokens), 'token')} watched")
    return "".join(f"; {each}" for each in chosen)


def _unheard(channel: Room, role: discord.Role | None) -> str:
    """What lacks for a role to hear of the digest, which is posted all the same."""
    if role is None or role.mentionable:
        return ""
    if channel.permissions_for(channel.guild.me).mention_everyone:
        return ""
    return (
        f" {role.mention} will stand there, but nobody of it is notified: make it mentionable "
        "(Server Settings, Roles), or give me Mention Everyone."
    )


def _next(at: datetime) -> str:
    return f"Next post {moment(at, 'F')} ({moment(at, 'R')})"
