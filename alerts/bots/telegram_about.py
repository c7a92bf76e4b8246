"""What our bot says of itself on Telegram, and how a chat takes leave of it: /stop."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.channels.telegram_buttons import Button, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, italic, say
from alerts.channels.wording import counted
from alerts.errors import NotFound
from alerts.pipeline.endpoints import remove

_WHAT: Final = "I tell you when the grades of crypto tokens change."
_MORE: Final = "Grades are a model's output, not financial advice."
_PLAIN: Final = "In private a symbol alone, such as BTC, shows its grades."
_GROUPS: Final = "In a group its admins decide what is told there; in a forum, for each topic."
_NOTHING: Final = "Nothing is stored of this chat, so there is nothing to delete."
_KEPT: Final = "Nothing was deleted."


def commands(services: Services) -> list[Command]:
    """/privacy and /stop."""

    async def stop(asked: Asked) -> Said:
        found = await ChatDesk(services).every(asked.chat)
        if not found:
            return Said(hint=_NOTHING)
        apps = len({each.app_id for each in found})
        whose = "" if apps == 1 else f", of all {apps} who tell you something here"
        return Said(
            lines=(
                [bold("Delete all that is set up here?")],
                [say(f"What you follow, your settings and the log of what you were told{whose}.")],
                [say("To be left alone for a while, /pause does it.")],
            ),
            buttons=(
                (
                    Button("Delete all", Wanted(Verb.ERASE)),
                    Button("Keep it", Wanted(Verb.SPARE)),
                ),
            ),
        )

    async def privacy(_asked: Asked) -> Said:
        return Said(lines=_privacy(services.settings.retain_deliveries_days))

    return [
        Command("privacy", "Say what is stored, and for how long.", privacy),
        Command("stop", "Delete all that is set up here.", stop, changes=True),
    ]


def presses(services: Services) -> Mapping[Verb, Press]:
    """What /stop asks for."""

    async def erase(asked: Asked) -> Said:
        found = await ChatDesk(services).every(asked.chat)
        for each in found:
            with suppress(NotFound):  # somebody else pressed it, too
                await remove(each.id, app_id=None, desk=services.desk)
        return Said(
            lines=(
                [bold("Deleted.")],
                [say("What you followed, your settings, and the log of what you were told.")],
                [say("/start begins anew.")],
            )
        )

    async def spare(_asked: Asked) -> Said:
        return Said(lines=([say(_KEPT)],))

    return {Verb.ERASE: Press(erase, changes=True), Verb.SPARE: Press(spare, changes=True)}


def help_command(others: Iterable[Command]) -> Command:
    """/help, which names all the others."""
    listed = [*others]

    async def help_(asked: Asked) -> Said:
        lines: list[Line] = [[say(_WHAT)], []]
        lines += [[say(f"/{each.name} – {each.description}")] for each in listed]
        lines += [[], [say(_PLAIN if asked.is_private else _GROUPS)], [italic(_MORE)]]
        return Said(lines=lines)

    return Command("help", "Say what I do.", help_)


def _privacy(days: int) -> list[Line]:
    return [
        [bold("What is stored of this chat")],
        [say("• Its number, encrypted, and its title or your first name.")],
        [say("• What you set up: tokens, settings, hours and time zone.")],
        [say(f"• The log: what you were told, and how that went, for {counted(days, 'day')}.")],
        [],
        [say("What you write to me is not stored, and nothing goes to anybody else: but an app")],
        [say("whose link you opened sees this chat's number and name, and what it told you.")],
        [],
        [say("/stop deletes all of it at once.")],
    ]
