"""`/watch …` on Discord: the tokens that a server watches, in all of its channels alike."""

from typing import Final

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.discord_places import IN_SERVERS, MANAGERS, endpoints_of
from alerts.bots.discord_says import answer, whole_lines
from alerts.bots.discord_tokens import Said, TokenDesk, choices
from alerts.bots.grades import tokens_of
from alerts.bots.watching import WatchDesk, watched
from alerts.channels.discord_text import counted, literal
from alerts.errors import Conflict
from alerts.store.endpoints import EndpointRecord
from alerts.store.tokens import TokenRecord

_ADD: Final = "watch add"
_REMOVE: Final = "watch remove"
_ALL: Final = "No token is watched, so what is posted at once is of all."


class WatchGroup(app_commands.Group):
    """The commands, for whoever may manage the server."""

    def __init__(self, services: Services, tokens: TokenDesk) -> None:
        super().__init__(
            name="watch",
            description="The tokens that this server watches.",
            guild_only=True,
            allowed_contexts=IN_SERVERS,
            default_permissions=MANAGERS,
        )
        self._services = services
        self._tokens = tokens
        self._desk = WatchDesk(services)
        tokens.abouts[_ADD] = self._watch
        tokens.abouts[_REMOVE] = self._forget

    @app_commands.command(name="add", description="Watch one more token.")
    @app_commands.describe(symbol="Its symbol, or choose from the list.")
    async def add(self, interaction: discord.Interaction, symbol: str) -> None:
        """One more."""
        await interaction.response.defer(ephemeral=True)
        await self._tokens.tell(interaction, symbol, _ADD)

    @app_commands.command(name="remove", description="Watch one token less.")
    @app_commands.describe(symbol="Its symbol, or choose from the list.")
    async def remove(self, interaction: discord.Interaction, symbol: str) -> None:
        """One less."""
        await interaction.response.defer(ephemeral=True)
        await self._tokens.tell(interaction, symbol, _REMOVE)

    @app_commands.command(name="list", description="Show the tokens that are watched.")
    async def list_(self, interaction: discord.Interaction) -> None:
        """All of them."""
        await interaction.response.defer(ephemeral=True)
        found = watched(await self._endpoints(interaction))
        tokens = await tokens_of(found, services=self._services)
        lines = [f"**{literal(each.symbol)}** {literal(each.name)}" for each in tokens]
        await answer(interaction, whole_lines(lines) or _ALL)

    @add.autocomplete("symbol")
    async def _any(
        self, _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await self._tokens.complete(current)

    @remove.autocomplete("symbol")
    async def _watched(
        self, interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        found = watched(await self._endpoints(interaction))
        tokens = await tokens_of(found, services=self._services)
        typed = current.strip().casefold()
        return choices([each for each in tokens if typed in each.symbol.casefold()])

    async def _watch(self, interaction: discord.Interaction, token: TokenRecord) -> Said:
        now = await self._desk.add(token.id, await self._endpoints(interaction))
        return Said(
            f"{literal(token.symbol)} is watched, {counted(len(now), 'token')} in all. Digests put "
            "it first, and nothing but watched tokens is posted at once."
        )

    async def _forget(self, interaction: discord.Interaction, token: TokenRecord) -> Said:
        now = await self._desk.remove(token.id, await self._endpoints(interaction))
        still = "is" if len(now) == 1 else "are"
        left = f"{counted(len(now), 'token')} still {still} watched." if now else _ALL
        return Said(f"{literal(token.symbol)} is not watched any more. {left}")

    async def _endpoints(self, interaction: discord.Interaction) -> list[EndpointRecord]:
        """Raises Conflict where nothing is posted in this server."""
        found = await endpoints_of(interaction.guild_id, services=self._services)
        if not found:
            raise Conflict("nothing is posted in this server yet; `/digest setup` begins it")
        return [endpoint for _, endpoint in found]
