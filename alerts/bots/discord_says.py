"""How our bot answers on Discord: to whoever asked, mentioning nobody, and within the limits."""

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import app_commands

from alerts.channels.discord_text import literal, shown
from alerts.errors import GradebellError, InvalidInput, StorageFailed
from alerts.telemetry import Step, fail

# https://docs.discord.com/developers/resources/message#create-message
LONGEST_ANSWER: Final = 2000
# What is said of a problem repeats what was typed, which may be 6,000 characters.
LONGEST_PROBLEM: Final = 1000
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
    if isinstance(cause, InvalidInput):
        nearest = ", ".join(literal(each) for each in cause.candidates[:3])
        asked = f" Do you mean {nearest}?" if nearest else ""
        return f"{cause.field}: {shown(cause.problem, most=LONGEST_PROBLEM)}.{asked}"
    if isinstance(cause, GradebellError) and not isinstance(cause, StorageFailed):
        problem = shown(str(cause), most=LONGEST_PROBLEM)
        return f"{problem[:1].upper()}{problem[1:]}."
    if isinstance(cause, app_commands.TransformerError):
        return (
            "I do not see what you chose. If it is a channel: open Edit Channel, Permissions, add "
            "me there, and allow View Channel; then try again."
        )
    fail(Step.JOB_FAILED, cause, job="bot")
    return "Something broke on our side; it is in our log. Trying again may help."


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
