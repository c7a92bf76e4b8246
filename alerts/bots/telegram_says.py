"""What is asked of our bot on Telegram, and what it says: values, which the session carries.

A command is a function from what was asked to what is said. It knows no library and sends
nothing, so whatever is typed or pressed is answered in one place, and refused in one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import Rows, Wanted
from alerts.channels.telegram_markup import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody typed, or the button that they pressed.

    chat: where, a forum's topic included. title: the group's, or the person's first name.
    is_private: nobody else is there.
    language: of their client, such as `de` or `pt-br`; empty where it does not say.
    words: what stood behind the command, apart; of a press none.
    wanted: what the button asks for; None of what was typed.
    """

    chat: TelegramChat
    title: str
    is_private: bool
    language: str = ""
    words: tuple[str, ...] = ()
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is answered: a message, or in place of the one whose button was pressed; or a hint.

    lines: of the message; none for no message. buttons: under it; without lines, they take the
    place of those under the message whose button was pressed, which stays as it is.
    is_new: a message of its own, though a button was pressed.
    hint: shown for a moment to whoever pressed, at most 200 characters.
    """

    lines: Sequence[Line] = ()
    buttons: Rows = ()
    is_new: bool = False
    hint: str = ""


Tell = Callable[[Asked], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name without the slash, what the menu says of it, and what it does.

    changes: what is told here, so that in a group it is for its admins alone.
    """

    name: str
    description: str
    tell: Tell
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """What a button does. changes: as of a command."""

    tell: Tell
    changes: bool = False
