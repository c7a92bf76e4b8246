"""Requests to Discord's API, from somebody it knows: a bot says who it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from alerts import __version__
from alerts.channels.api_http import ApiHttp, Attachment, Reply, open_api_http

__all__ = ["Attachment", "DiscordHttp", "Reply", "open_discord_http"]

# https://docs.discord.com/developers/reference#user-agent
USER_AGENT: Final = f"DiscordBot (https://github.com/gradebell, {__version__}) Gradebell"

DiscordHttp = ApiHttp


@asynccontextmanager
async def open_discord_http(
    base_url: str, *, deadline_seconds: float
) -> AsyncIterator[DiscordHttp]:
    """A client whose connections end with the block."""
    async with open_api_http(
        base_url, user_agent=USER_AGENT, deadline_seconds=deadline_seconds
    ) as http:
        yield http
