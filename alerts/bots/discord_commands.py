"""What can be typed to our bot on Discord, and what is said of what cannot be done."""

from collections.abc import Callable
from typing import Final

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.discord_digests import DigestGroup
from alerts.bots.discord_says import answer, refusal
from alerts.bots.discord_sync import are_held
from alerts.bots.discord_tokens import Said, TokenDesk
from alerts.bots.discord_watch import WatchGroup
from alerts.bots.discord_why import why_command
from alerts.bots.grades import grade_of
from alerts.bots.news import week_so_far
from alerts.channels.discord_digests import FOOTER, render_digest
from alerts.channels.discord_text import linked, literal, moment, points
from alerts.errors import InvalidInput
from alerts.pipeline.survey import Surveys
from alerts.store.tokens import TokenRecord

_HELP: Final = (
    "I tell when the grades of crypto tokens change.\n"
    "**For all**\n"
    "`/grade` shows a token's grades.\n"
    "`/upgrades` shows what was upgraded and downgraded in the last seven days.\n"
    "**For whoever may manage the server**\n"
    "`/digest setup` posts a weekly digest in a channel and, if you like, changes at once. "
    "`/digest preview`, `now`, `pause`, `resume`, `settings` and `remove` do what they say.\n"
    "`/watch add`, `remove` and `list`: the tokens that this server watches. They come first in "
    "digests, and nothing else is posted at once.\n"
    "`/why` says what was posted here, what was not, and why.\n"
    "Grades are a model's output, not financial advice."
)


class Commands(app_commands.CommandTree):
    """All slash commands; whatever breaks is answered, to whoever typed it alone.

    note: called within the task of each.
    """

    def __init__(
        self, client: discord.Client, services: Services, *, note: Callable[[], None]
    ) -> None:
        super().__init__(client)
        self._note = note
        self.tokens = TokenDesk(services)
        self.add_command(DigestGroup(services))
        self.add_command(_grade(services, self.tokens))
        self.add_command(_upgrades(services))
        self.add_command(WatchGroup(services, self.tokens))
        self.add_command(why_command(services, self.tokens))
        self.add_command(_help())

    async def offer(self) -> bool:
        """Have Discord offer these commands; whether it held others."""
        if self.client.application_id is None:
            raise app_commands.MissingApplicationID
        held = await self.client.http.get_global_commands(self.client.application_id)
        if are_held([command.to_dict(self) for command in self.get_commands()], held):
            return False
        await self.sync()
        return True

    async def interaction_check(self, _interaction: discord.Interaction, /) -> bool:
        """The library asks before each command, and each completion of one."""
        self._note()
        return True

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Say what was wrong."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await answer(interaction, refusal(cause))


def _grade(
    services: Services, tokens: TokenDesk
) -> app_commands.Command[app_commands.Group, ..., None]:
    async def about(_interaction: discord.Interaction, token: TokenRecord) -> Said:
        found = await grade_of(token, services=services)
        if not found.ratings:
            raise InvalidInput("symbol", "has no grade yet")
        called = f"{linked(token.symbol, found.url)} {literal(token.name)}"
        embed = discord.Embed(description=called)
        for kind, rating in sorted(found.ratings.items()):
            band = services.ladder.policies[kind].name_of(rating.rank)
            held = f"**{band}** {points(rating.score)}\nsince {moment(rating.since, 'D')}"
            late = f"\n⚠️ no fresh data since {moment(rating.as_of, 'D')}"
            embed.add_field(
                name=f"{kind.value.title()} grade", value=held + late * (kind in found.stale)
            )
        embed.set_footer(text=FOOTER)
        return Said(embed=embed)

    @app_commands.command(name="grade", description="Show a token's grades.")
    @app_commands.describe(symbol="Its symbol, or choose from the list.")
    async def grade(interaction: discord.Interaction, symbol: str) -> None:
        # Not put off: a refusal is for whoever typed it, and an answer for all.
        await tokens.tell(interaction, symbol, "grade", is_public=True)

    @grade.autocomplete("symbol")
    async def _symbols(
        _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await tokens.complete(current)

    tokens.abouts["grade"] = about
    return grade


def _upgrades(services: Services) -> app_commands.Command[app_commands.Group, ..., None]:
    surveys = Surveys(services.ladder)

    @app_commands.command(
        name="upgrades", description="Show the upgrades and downgrades of the last seven days."
    )
    async def upgrades(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        week = await week_so_far(services, surveys)
        if week.is_empty:
            await answer(interaction, "No token was upgraded or downgraded in the last seven days.")
            return
        embeds = [discord.Embed.from_dict(dict(each)) for each in render_digest(week).embeds]
        await answer(interaction, "", embeds=embeds)

    return upgrades


def _help() -> app_commands.Command[app_commands.Group, ..., None]:
    @app_commands.command(name="help", description="Say what I do.")
    async def help_(interaction: discord.Interaction) -> None:
        await interaction.response.send_message(_HELP, ephemeral=True)

    return help_
