"""`gradebell bot …`: people in chats."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Final

from alerts import telemetry
from alerts.bootstrap import Services
from alerts.cli.frame import command, group, opened, run_loop, stopped_by_signals
from alerts.settings import load_settings

bots: Final = group("Bots: what people can type in a chat.")


@command(bots, "discord", example="gradebell bot discord")
def discord() -> None:
    """Answer slash commands on Discord, until SIGINT or SIGTERM; workers post what is due.

    One process does it; a second one waits until the first is gone. `gradebell up` does it, too.
    Once it is there it logs the link that invites it (`invite` of `bot.started`).
    """

    run_loop(_be(be_on_discord))


@command(bots, "telegram", example="gradebell bot telegram")
def telegram() -> None:
    """Answer commands and buttons on Telegram, until SIGINT or SIGTERM; workers send what is due.

    One process does it; a second one waits until the first is gone. `gradebell up` does it, too.
    Once it is there it logs the link that opens it (`link` of `bot.started`).
    """
    run_loop(_be(be_on_telegram))


async def _be(be: Callable[[Services, asyncio.Event], Awaitable[None]]) -> None:
    settings = load_settings()
    telemetry.configure(settings.log_format, settings.log_level)
    async with opened(settings) as services:
        await be(services, stopped_by_signals())


async def be_on_discord(services: Services, stop: asyncio.Event) -> None:
    """Be the bot on Discord until `stop`. Raises SettingsInvalid."""
    # Its library takes a third of a second to read, and no other command needs it.
    bot = import_module("alerts.bots.discord")
    await bot.run_bot(services, stop)


async def be_on_telegram(services: Services, stop: asyncio.Event) -> None:
    """Be the bot on Telegram until `stop`. Raises SettingsInvalid."""
    # As with Discord's: half a second, which no other command needs to wait.
    bot = import_module("alerts.bots.telegram")
    await bot.run_bot(services, stop)
