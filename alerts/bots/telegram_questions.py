"""Which token do you mean? What is asked where a word names several, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.grades import Graded, grades_of
from alerts.bots.meant import Meant
from alerts.bots.telegram_grades import Policies, in_a_line
from alerts.bots.telegram_says import Said
from alerts.bots.telegram_subjects import Shows, in_rows, label, token_button
from alerts.channels.telegram_buttons import Button, Rows, Verb
from alerts.channels.telegram_markup import MOST_TEXT, Line, bold, length, literal, say
from alerts.channels.wording import counted
from alerts.store.tokens import fold

# Asked at once; of the words after them it is only said that they are not clear.
MOST_QUESTIONS: Final = 3
LONGEST_QUESTION: Final = 600
_WIDE: Final = 2


@dataclass(frozen=True, slots=True)
class Questions:
    """Lines that ask, and buttons to answer with."""

    lines: list[Line]
    buttons: Rows


async def ask(
    unclear: Sequence[Meant], verb: Verb, shows: Shows, *, services: Services
) -> Questions:
    """Ask what is meant by each word. verb: what is then done with the token that is chosen."""
    asked = [
        (meant, await grades_of(meant.tokens, services=services))
        for meant in unclear[:MOST_QUESTIONS]
    ]
    several = len(unclear) > 1 and shows is Shows.ANSWER
    then = Shows.MORE if several else shows
    questions = posed(asked, services.ladder.policies, verb, shows=then)
    left = [literal(meant.word) for meant in unclear[MOST_QUESTIONS:]]
    if left:
        questions.lines.append([say(f"Not clear either: {listed(left)}. Ask for them again.")])
    return questions


def posed(
    asked: Sequence[tuple[Meant, Sequence[Graded]]], policies: Policies, verb: Verb, *, shows: Shows
) -> Questions:
    """Questions about words, each with the grades of the tokens that it may mean."""
    lines: list[Line] = []
    buttons: list[Button] = []
    for meant, graded in asked:
        if lines:
            lines.append([])
        lines += _question(meant, graded, policies, number=len(buttons))
        for number, token in enumerate(meant.tokens, start=len(buttons) + 1):
            says = f"{number} · {label(token, is_named=True)}"
            buttons.append(token_button(verb, says, token.id, shows=shows))
    return Questions(lines, in_rows(buttons, wide=_WIDE))


async def which(meant: Meant, verb: Verb, *, services: Services) -> Said:
    """Ask about one word alone."""
    asked = await ask([meant], verb, Shows.ANSWER, services=services)
    return Said(lines=asked.lines, buttons=asked.buttons)


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Names in a sentence: A, B and C; of many the first ones, and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def fitted(rows: Sequence[Line], *, room: int) -> list[Line]:
    """As many whole lines as have room, and how many more there are."""
    taken: list[Line] = []
    for number, row in enumerate(rows):
        more: Line = [say(f"and {len(rows) - number:,} more")]
        if length([*taken, row, more]) > min(room, MOST_TEXT):
            return [*taken, more]
        taken.append(row)
    return taken


def called_by(meant: Meant) -> str:
    """A word as it is written: a symbol as its tokens bear it."""
    symbols = {token.symbol for token in meant.tokens if fold(token.symbol) == fold(meant.word)}
    return symbols.pop() if meant.is_known and len(symbols) == 1 else meant.word


def _question(
    meant: Meant, graded: Sequence[Graded], policies: Policies, *, number: int
) -> list[Line]:
    word = literal(called_by(meant))
    if not graded:
        return [[say("I know no token "), bold(word), say(".")]]
    if meant.is_known:
        bear = f"{counted(len(graded), 'token')} are called {word}."
        asks: Line = [bold(bear), say(" Which one do you mean?")]
    else:
        asks = [say("I know no token "), bold(word), say(". Do you mean one of these?")]
    rows = [
        [say(f"{place}. "), *in_a_line(each, policies), say(f" · {each.token.id}")]
        for place, each in enumerate(graded, start=number + 1)
    ]
    return [asks, *fitted(rows, room=LONGEST_QUESTION)]
