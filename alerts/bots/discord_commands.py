"""What can be typed to our bot on Discord by anybody, and what is said of what cannot be done."""

from collections.abc import Callable
from typing import Final

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.discord_digests import MOST_CHOICES, DigestGroup
from alerts.bots.grades import grade_of, tokens_like
from alerts.channels.discord_text import linked, moment, points, shown
from alerts.errors import GradebellError, InvalidInput, StorageFailed
from alerts.telemetry import Step, fail

# https://docs.discord.com/developers/interactions/application-commands
_LONGEST_CHOICE: Final = 100
_HELP: Final = (
    "I tell when the grades of crypto tokens change.\n"
    "`/grade` shows a token's grades.\n"
    "`/digest setup` posts a weekly digest in a channel; `/digest preview`, `now`, `pause`, "
    "`resume`, `settings` and `remove` do what they say. They are for whoever may manage the "
    "server.\n"
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
        self.add_command(DigestGroup(services))
        self.add_command(_grade(services))
        self.add_command(_help())

    async def interaction_check(self, _interaction: discord.Interaction, /) -> bool:
        """The library asks before each command, and each completion of one."""
        self._note()
        return True

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Say what was wrong."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        text = _refusal(cause)
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)


def _refusal(cause: Exception) -> str:
    if isinstance(cause, InvalidInput):
        nearest = f" Do you mean {', '.join(cause.candidates[:3])}?" if cause.candidates else ""
        return f"{cause.field}: {cause.problem}.{nearest}"
    if isinstance(cause, GradebellError) and not isinstance(cause, StorageFailed):
        return f"{str(cause)[:1].upper()}{str(cause)[1:]}."
    fail(Step.JOB_FAILED, cause, job="bot")
    return "Something broke on our side; it is in our log. Trying again may help."


def _grade(services: Services) -> app_commands.Command[app_commands.Group, ..., None]:
    @app_commands.command(name="grade", description="Show a token's grades.")
    @app_commands.describe(symbol="Its symbol, or choose from the list.")
    async def grade(interaction: discord.Interaction, symbol: str) -> None:
        await interaction.response.defer()
        found = await grade_of(symbol, services=services)
        if found is None or not found.ratings:
            raise InvalidInput("symbol", "has no grade yet")
        embed = discord.Embed(
            description=f"{linked(found.token.symbol, found.url)} {shown(found.token.name)}"
        )
        for kind, rating in sorted(found.ratings.items()):
            band = services.ladder.policies[kind].name_of(rating.rank)
            embed.add_field(
                name=f"{kind.value.title()} grade",
                value=f"**{band}** {points(rating.score)}\nsince {moment(rating.since, 'D')}",
            )
        embed.set_footer(text="Model output, not financial advice.")
        await interaction.followup.send(embed=embed)

    @grade.autocomplete("symbol")
    async def _symbols(
        _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        found = await tokens_like(current, limit=MOST_CHOICES, services=services)
        return [
            app_commands.Choice(
                name=f"{shown(each.symbol)} · {shown(each.name)}"[:_LONGEST_CHOICE], value=each.id
            )
            for each in found
            if len(each.id) <= _LONGEST_CHOICE
        ]

    return grade


def _help() -> app_commands.Command[app_commands.Group, ..., None]:
    @app_commands.command(name="help", description="Say what I do.")
    async def help_(interaction: discord.Interaction) -> None:
        await interaction.response.send_message(_HELP, ephemeral=True)

    return help_
