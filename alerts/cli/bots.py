"""`gradebell bot …`: people in chats."""

import asyncio
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

    async def whole() -> None:
        settings = load_settings()
        telemetry.configure(settings.log_format, settings.log_level)
        async with opened(settings) as services:
            await be_on_discord(services, stopped_by_signals())

    run_loop(whole())


async def be_on_discord(services: Services, stop: asyncio.Event) -> None:
    """Be the bot on Discord until `stop`. Raises SettingsInvalid."""
    # Its library takes a third of a second to read, and no other command needs it.
    bot = import_module("alerts.bots.discord")
    await bot.run_bot(services, stop)
