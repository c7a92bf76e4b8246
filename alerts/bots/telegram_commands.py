"""What can be typed to our bot on Telegram and pressed, all of it, and the menus that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
)

from alerts.bootstrap import Services
from alerts.bots import (
    telegram_about,
    telegram_alerts,
    telegram_mutes,
    telegram_settings,
    telegram_start,
    telegram_tokens,
    telegram_why,
)
from alerts.bots.telegram_about import help_command
from alerts.bots.telegram_says import Command, Press
from alerts.channels.telegram_buttons import Verb

# Each offers `commands` and `presses`; menus show them in this order.
_ROOMS: Final = (
    telegram_start,
    telegram_tokens,
    telegram_settings,
    telegram_mutes,
    telegram_why,
    telegram_alerts,
    telegram_about,
)
# https://core.telegram.org/bots/api#setmydescription: shown before a chat is begun, 512 at most,
DESCRIPTION: Final = (
    "I tell you when the grade of a crypto token changes: its fundamental grade, its trader grade, "
    "or both. Choose tokens, and be told within seconds; or once a week, or not at night.\n\n"
    "Grades are a model's output, not financial advice."
)
# and on the bot's page, 120 at most: https://core.telegram.org/bots/api#setmyshortdescription
SHORT_DESCRIPTION: Final = "Tells you when the grades of crypto tokens change."


@dataclass(frozen=True, slots=True)
class Registry:
    """commands: by name, as menus show them. presses: by what the button is for."""

    commands: Mapping[str, Command]
    presses: Mapping[Verb, Press]

    @classmethod
    def of(cls, services: Services) -> "Registry":
        """All there are."""
        commands: dict[str, Command] = {}
        presses: dict[Verb, Press] = {}
        for room in _ROOMS:
            commands |= {each.name: each for each in room.commands(services)}
            presses |= room.presses(services)
        commands["help"] = help_command(commands.values())
        return cls(commands, presses)


async def offer(bot: Bot, registry: Registry) -> int:
    """Have Telegram show menus and descriptions; how many of them were others.

    In groups, what is for admins alone is shown to them alone. Raises TelegramError.
    """
    all_of_them = [BotCommand(each.name, each.description) for each in registry.commands.values()]
    for_all = [
        BotCommand(each.name, each.description)
        for each in registry.commands.values()
        if not each.changes
    ]
    menus: tuple[tuple[BotCommandScope, list[BotCommand]], ...] = (
        (BotCommandScopeAllPrivateChats(), all_of_them),
        (BotCommandScopeAllGroupChats(), for_all),
        (BotCommandScopeAllChatAdministrators(), all_of_them),
    )
    changed = 0
    for scope, menu in menus:
        if list(await bot.get_my_commands(scope=scope)) != menu:
            changed += await bot.set_my_commands(menu, scope=scope)
    if (await bot.get_my_description()).description != DESCRIPTION:
        changed += await bot.set_my_description(DESCRIPTION)
    if (await bot.get_my_short_description()).short_description != SHORT_DESCRIPTION:
        changed += await bot.set_my_short_description(SHORT_DESCRIPTION)
    return changed
