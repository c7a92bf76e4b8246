"""How our bot answers on Discord: to whoever asked, mentioning nobody, and within the limits."""

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import app_commands

from alerts.bots.refusals import BROKEN, LONGEST_PROBLEM, nearest_of, problem_of
from alerts.channels.discord_text import literal, shown

# https://docs.discord.com/developers/resources/message#create-message
LONGEST_ANSWER: Final = 2000
NOBODY: Final = discord.AllowedMentions.none()


async def answer(
    interaction: discord.Interaction,
    text: str,
    *,
    embeds: Sequence[discord.Embed] = (),
    files: Sequence[discord.File] = (),
    menu: discord.ui.View | None = None,
    is_public: bool = False,
) -> None:
    """Answer a command, whether it was put off or not. is_public: all in the channel see it.

    A menu is for whoever asked. What was put off is as public as it was put off.
    """
    more: dict[str, Any] = {} if menu is None else {"view": menu}
    is_private = menu is not None or not is_public
    reply = interaction.response
    send = interaction.followup.send if reply.is_done() else reply.send_message
    await send(
        text,
        embeds=embeds,
        files=files,
        ephemeral=is_private,
        allowed_mentions=NOBODY,
        **more,
    )


def refusal(cause: Exception) -> str:
    """What was wrong, for whoever typed it; what is ours to mend is in the log alone."""
    if isinstance(cause, app_commands.TransformerError):
        return (
            "I do not see what you chose. If it is a channel: open Edit Channel, Permissions, add "
            "me there, and allow View Channel; then try again."
        )
    problem = problem_of(cause)
    if problem is None:
        return BROKEN
    nearest = ", ".join(literal(each) for each in nearest_of(cause))
    asked = f" Do you mean {nearest}?" if nearest else ""
    return f"{shown(problem, most=LONGEST_PROBLEM)}.{asked}"


def whole_lines(lines: Sequence[str], *, most: int = LONGEST_ANSWER) -> str:
    """As many lines as go into one answer, and how many more there are."""
    said: list[str] = []
    room = most
    for number, line in enumerate(lines):
        more = f"and {len(lines) - number} more"
        room -= len(line) + 1
        if room < len(more):
            return "\n".join([*said, more])
        said.append(line)
    return "\n".join(said)
