"""What stands behind the buttons of tokens: which token, and what is shown once it is pressed."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.telegram_says import Asked, Said
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.wording import shown
from alerts.domain.grades import TokenId
from alerts.domain.tokens import short_id
from alerts.store.tokens import TokenRecord, find_short, fold

OLD: Final = Said(hint="This button is old: I do not know its token any more.")
# Of what a button says, a phone shows no more where there are two in a row.
LONGEST_LABEL: Final = 24
_SUBJECT: Final = re.compile(r"(?P<shows>[a-z])(?P<page>[0-9]{0,3})\.(?P<short>[^\s]{1,40})")


class Shows(StrEnum):
    """What takes the place of the message whose button was pressed."""

    ANSWER = "a"
    # Nothing does: the answer is a message of its own, for there is more to press.
    MORE = "m"
    GRADE = "g"
    CARD = "c"
    UNFOLLOW = "u"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a button is about. page: of the list that it leads back to."""

    token: TokenRecord
    shows: Shows
    page: int


def token_button(
    verb: Verb, says: str, token: TokenId, *, shows: Shows = Shows.ANSWER, page: int = 1
) -> Button:
    """A button about a token."""
    at = page if shows is Shows.CARD else ""
    return Button(says, Wanted(verb, f"{shows}{at}.{short_id(token)}"))


async def read_subject(asked: Asked, services: Services) -> Subject | None:
    """What a pressed button is about; None where nothing of ours says so."""
    match = None if asked.wanted is None else _SUBJECT.fullmatch(asked.wanted.subject)
    if match is None or match["shows"] not in set(Shows):
        return None
    async with services.store.read() as tx:
        token = await find_short(tx, match["short"])
    if token is None:
        return None
    return Subject(token, Shows(match["shows"]), int(match["page"] or 1))


def label(token: TokenRecord, *, is_named: bool = False) -> str:
    """What a button says of a token. is_named: with its name, where its symbol is not enough."""
    symbol = shown(token.symbol, most=LONGEST_LABEL // 2)
    if not is_named or token.name in {"", token.symbol}:
        return symbol
    return f"{symbol} {shown(token.name, most=LONGEST_LABEL - len(symbol) - 1)}"


def labels(tokens: Sequence[TokenRecord]) -> list[str]:
    """What buttons say of tokens that stand beside each other: those of one symbol by name too."""
    often = Counter(fold(token.symbol) for token in tokens)
    return [label(token, is_named=often[fold(token.symbol)] > 1) for token in tokens]


def in_rows(buttons: Sequence[Button], *, wide: int) -> Rows:
    """Buttons, so many in a row."""
    return tuple(tuple(buttons[at : at + wide]) for at in range(0, len(buttons), wide))
