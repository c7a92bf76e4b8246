"""Readings: what the rows of a source came to, and the rows that were left out."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.domain.grades import Grade, SourceName, TokenId, clean_label, token_identity
from alerts.errors import InvalidInput

SHOWN_ID_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that could not be read. row: 1-based position, or line number in a file."""

    row: int
    token_id: str | None
    problem: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What rows came to: grades by their date (one cycle each), and the rows left out.

    unread: tokens of rows left out, where their ids could be read (see `unread_tokens`).
    asked: the tokens that were asked for, None: all there are. lacks: the source's name for the
    grade, where no row has that field at all.
    """

    grades: Mapping[datetime, tuple[Grade, ...]]
    rejected: tuple[RejectedRow, ...] = ()
    unread: frozenset[TokenId] = frozenset()
    asked: frozenset[TokenId] | None = None
    lacks: str | None = None

    @property
    def listed(self) -> int:
        """Tokens that there is a row of, read or not."""
        graded = {grade.token for grades in self.grades.values() for grade in grades}
        return len(graded | self.unread)


def unique(grades: list[tuple[int, Grade]]) -> tuple[tuple[Grade, ...], tuple[RejectedRow, ...]]:
    """Each token once, whatever the order of the rows.

    grades: (row number, grade). Equal twins fold; of twins that differ the higher score stands
    (a doubt is never a downgrade), a known one before an unknown one, and the others are reported.
    """
    chosen: dict[TokenId, tuple[int, Grade]] = {}
    for row, grade in grades:
        other = chosen.get(grade.token)
        if other is None or _preference(grade) > _preference(other[1]):
            chosen[grade.token] = (row, grade)
    rejected = []
    for row, grade in grades:
        standing_row, standing = chosen[grade.token]
        if grade != standing:
            problem = f"differs from row {standing_row} of the same token, which stands"
            rejected.append(RejectedRow(row, grade.token, problem))
    return tuple(grade for _, grade in chosen.values()), tuple(rejected)


def unread_tokens(source: SourceName, rejected: Iterable[RejectedRow]) -> frozenset[TokenId]:
    """Tokens that rows left out speak of: a source that lists one badly still lists it."""
    found = set()
    for row in rejected:
        with suppress(InvalidInput):
            found.add(token_identity(source, row.token_id or ""))
    return frozenset(found)


def shown_id(value: object) -> str | None:
    """The id of a rejected row as far as it can be shown, in one short printable line."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    shown = clean_label(str(value), field="token_id")
    return None if shown is None else printable(shown[:SHOWN_ID_LENGTH])


def printable(text: str) -> str:
    """A text that every database and terminal takes: what cannot be shown is U+FFFD.

    A label may hold characters younger than the Unicode of this Python; they go, too.
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _preference(grade: Grade) -> tuple[bool, int, str]:
    known = grade.score is not None
    return known, grade.score or 0, repr((grade.label, grade.components, grade.symbol, grade.name))
