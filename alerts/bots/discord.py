"""Our bot on Discord: one process with one gateway session, which posts nothing by itself.

It answers commands, and learns where it was removed or a channel deleted; what is due is posted by
the workers. Two sessions would both answer, so a lease says which process has it.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import discord

from alerts.bootstrap import Services
from alerts.bots.discord_commands import Commands
from alerts.bots.discord_places import NEEDED, bot_places, may_post
from alerts.bots.leader import lead
from alerts.domain.deliveries import Channel, DisableReason
from alerts.errors import SettingsInvalid
from alerts.pipeline.places import close_places, reopen_places
from alerts.pipeline.platforms import note_accepted, note_refused
from alerts.telemetry import Step, emit, fail

# The lease that the one bot holds; no lane is in a pool of this name.
LEADER: Final = "discord-bot"
# Waits between two starts after a failure, doubling. Discord resets a token whose bot says who it
# is 1,000 times a day: https://docs.discord.com/developers/events/gateway#session-start-limit
FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0
# How long what is being answered may go on once the bot is asked to end.
CLOSING_SECONDS: Final = 5.0
# What ended an endpoint, and ends itself by what somebody does in Discord.
_MENDED_BY_DISCORD: Final = frozenset({DisableReason.REMOVED, DisableReason.NO_PERMISSION})


class DiscordBot(discord.AutoShardedClient):
    """The gateway client. It asks for guilds alone, which needs nobody's review."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
        )
        self._services = services
        self._tree = Commands(self, services, note=self._note)
        self._handling: set[asyncio.Task[None]] = set()
        self.was_ready = False

    async def setup_hook(self) -> None:
        """Offer the commands."""
        if await self._tree.offer():
            emit(Step.BOT_OFFERED, commands=len(self._tree.get_commands()))

    async def attend(self) -> None:
        """Be there until the session ends. Raises SettingsInvalid for a token of nobody's."""
        try:
            await self.start(self._services.settings.discord_bot_token.get_secret_value())
        except discord.LoginFailure:
            problem = "GRADEBELL_DISCORD_BOT_TOKEN is not one that Discord takes"
            await note_refused(Channel.DISCORD, problem, store=self._services.store)
            raise SettingsInvalid(problem) from None

    async def close(self) -> None:
        """End the session; what is being answered may end, for it works with our services."""
        await super().close()
        if self._handling:
            await asyncio.wait(self._handling, timeout=CLOSING_SECONDS)
        for task in self._handling:
            task.cancel()
        await asyncio.gather(*self._handling, return_exceptions=True)

    async def on_ready(self) -> None:
        """Of what happened while nobody listened, what can be seen."""
        self._note()
        self.was_ready = True
        emit(Step.BOT_STARTED, channel="discord", guilds=len(self.guilds), invite=self._invite())
        await note_accepted(Channel.DISCORD, store=self._services.store)
        await self._reopen(self.guilds)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Somebody invited the bot, perhaps again."""
        self._note()
        await self._reopen([guild])

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        """A channel was changed, perhaps who may post there."""
        self._note()
        if before.overwrites != after.overwrites:
            await self._reopen([after.guild])

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """A role was changed, perhaps what it may do."""
        self._note()
        if before.permissions != after.permissions:
            await self._reopen([after.guild])

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Of members the bot is told of itself alone, perhaps of another role."""
        self._note()
        if before.roles != after.roles:
            await self._reopen([after.guild])

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Commands are the tree's; this is who chose from a menu."""
        if interaction.type is discord.InteractionType.component:
            self._note()
            await self._tree.tokens.choose(interaction)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed: nothing more is sent there, and what was set up is kept."""
        self._note()
        found = await bot_places(self._services)
        places = [place for kept, place in found if kept.guild_id == str(guild.id)]
        await close_places(places, DisableReason.REMOVED, desk=self._services.desk)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel was deleted."""
        self._note()
        await self._close_channel(channel.id)

    async def on_raw_thread_delete(self, thread: discord.RawThreadDeleteEvent) -> None:
        """A thread was deleted."""
        self._note()
        await self._close_channel(thread.thread_id)

    def _invite(self) -> str:
        """Where somebody adds the bot to their server, with the permissions it needs."""
        return discord.utils.oauth_url(
            self.application_id or 0,
            permissions=NEEDED,
            scopes=("bot", "applications.commands"),
        )

    def _note(self) -> None:
        """Remember the task that handles this: the library starts them, and waits for none."""
        task = asyncio.current_task()
        if task is not None:
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)

    async def on_error(self, event_method: str, /, *_args: object, **_kwargs: object) -> None:
        """A handler broke; the bot goes on."""
        error = sys.exc_info()[1]
        if error is not None:
            fail(Step.JOB_FAILED, error, job="bot", handler=event_method)

    async def _close_channel(self, channel_id: int) -> None:
        found = await bot_places(self._services)
        places = [place for kept, place in found if kept.id == str(channel_id)]
        await close_places(places, DisableReason.GONE, desk=self._services.desk)

    async def _reopen(self, guilds: Sequence[discord.Guild]) -> None:
        """Go on where we were removed and are again, or lacked a permission and have it."""
        present = {str(guild.id): guild for guild in guilds}
        for kept, place in await bot_places(self._services):
            guild = present.get(kept.guild_id)
            reason = place.endpoint.disabled_reason
            if guild is None or reason not in _MENDED_BY_DISCORD:
                continue
            if reason is DisableReason.REMOVED or may_post(guild, kept):
                await reopen_places([place], _MENDED_BY_DISCORD, desk=self._services.desk)


async def run_bot(services: Services, stop: asyncio.Event) -> None:
    """Be the bot until `stop`; start again, ever more slowly, when the session ends by itself.

    Raises SettingsInvalid where there is no token, or Discord does not take it.
    """
    if not services.settings.discord_bot_token.get_secret_value():
        raise SettingsInvalid("GRADEBELL_DISCORD_BOT_TOKEN is not set; Discord gives one to a bot")
    # The library has no other way to be told where Discord is.
    discord.http.Route.BASE = services.settings.discord_api_url
    # It warns that it lacks what speaking aloud takes, which is not for us.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    pauses = (FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
    await lead(LEADER, lambda: DiscordBot(services), services=services, stop=stop, pauses=pauses)
