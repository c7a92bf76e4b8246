"""Tokens as they are typed on Discord: completed, and asked about where a symbol means several."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import discord
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots.discord_says import NOBODY, answer, refusal
from alerts.bots.grades import tokens_like, tokens_meant
from alerts.channels.discord_text import literal, shown
from alerts.store.tokens import TokenRecord

# https://docs.discord.com/developers/interactions/application-commands#autocomplete
MOST_CHOICES: Final = 25
# Of a choice's name and value, of a menu's label and value.
LONGEST_CHOICE: Final = 100
# What a menu's id begins with; then comes what it asks for.
_ASKED: Final = "which:"


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered about a token. embed: shown below the text."""

    text: str = ""
    embed: discord.Embed | None = None

    @property
    def embeds(self) -> list[discord.Embed]:
        """As a message has them."""
        return [] if self.embed is None else [self.embed]


About = Callable[[discord.Interaction, TokenRecord], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """What can be asked about a token, by a name that stands in a menu's id.

    So a bot that was started anew still knows what a menu from before it asked for.
    """

    services: Services
    abouts: dict[str, About] = field(default_factory=dict)

    async def tell(
        self, interaction: discord.Interaction, name: str, about: str, *, is_public: bool = False
    ) -> None:
        """Answer about the token that this names, or ask which one is meant.

        Raises InvalidInput, NotFound, and what the answer raises.
        """
        meant = await tokens_meant(name, services=self.services)
        if len(meant) == 1:
            said = await self.abouts[about](interaction, meant[0])
            await answer(interaction, said.text, embeds=said.embeds, is_public=is_public)
            return
        bears = f"{len(meant)} tokens bear the symbol {literal(meant[0].symbol)}."
        await answer(interaction, f"{bears} Which one do you mean?", menu=_menu(about, meant))

    async def choose(self, interaction: discord.Interaction) -> None:
        """Answer a choice from a menu of ours, in place of the menu."""
        chosen: Mapping[str, object] = {**(interaction.data or {})}
        about = self.abouts.get(str(chosen.get("custom_id", "")).removeprefix(_ASKED))
        values = chosen.get("values")
        if about is None or not isinstance(values, list):
            return
        await interaction.response.defer()
        try:
            (token,) = await tokens_meant(values[0], services=self.services)
            said = await about(interaction, token)
        except Exception as error:  # noqa: BLE001 - answered, and logged where it is ours.
            said = Said(refusal(error))
        await interaction.edit_original_response(
            content=said.text, embeds=said.embeds, view=None, allowed_mentions=NOBODY
        )

    async def complete(self, text: str) -> list[app_commands.Choice[str]]:
        """The tokens that may be meant by what is typed so far."""
        return choices(await tokens_like(text, limit=MOST_CHOICES, services=self.services))


def choices(tokens: Sequence[TokenRecord]) -> list[app_commands.Choice[str]]:
    """Tokens to choose from while one is typed, as many as Discord shows."""
    return [
        app_commands.Choice(name=_called(each), value=each.id)
        for each in tokens[:MOST_CHOICES]
        if len(each.id) <= LONGEST_CHOICE
    ]


def _menu(about: str, tokens: Sequence[TokenRecord]) -> discord.ui.View:
    options = [
        discord.SelectOption(label=_called(each), value=each.id, description=each.id)
        for each in tokens[:MOST_CHOICES]
        if len(each.id) <= LONGEST_CHOICE
    ]
    menu = discord.ui.View(timeout=None)
    menu.add_item(discord.ui.Select(custom_id=f"{_ASKED}{about}", options=options))
    # A choice is answered by the menu's id, whichever process sent it: nothing is kept of it.
    menu.stop()
    return menu


def _called(token: TokenRecord) -> str:
    return f"{shown(token.symbol)} · {shown(token.name)}"[:LONGEST_CHOICE]
