"""What a chat with our bot begins and ends with: /start and /help."""

from collections.abc import Mapping

from alerts.bootstrap import Services
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.channels.telegram_buttons import Verb
from alerts.channels.telegram_markup import bold, say


def commands(services: Services) -> list[Command]:
    """/start and /help."""
    del services

    async def start(_asked: Asked) -> Said:
        return Said(
            lines=(
                [bold("Gradebell")],
                [say("I tell you when the grades of crypto tokens change.")],
            )
        )

    async def help_(_asked: Asked) -> Said:
        return Said(lines=([say("I tell when the grades of crypto tokens change.")],))

    return [
        Command("start", "Begin, or go on after a break.", start, changes=True),
        Command("help", "Say what I do.", help_),
    ]


def presses(services: Services) -> Mapping[Verb, Press]:
    """None yet."""
    del services
    return {}
