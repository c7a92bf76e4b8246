"""Grades as they arrive: kinds, tokens, scores, and the reading of one row."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final, NewType

from alerts.errors import InvalidInput

SourceName = NewType("SourceName", str)
TokenId = NewType("TokenId", str)

# A date that is ahead of the clock by more than this is a mistake, not a time zone.
FUTURE_TOLERANCE = timedelta(hours=1)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
HIGHEST_SCORE: Final = 10_000
LABEL_LENGTH = 120
COMPONENT_LIMIT = 40

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_UPSTREAM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,64})?")
_NUMBER_LIMIT = 10**12
_ID_LIMIT = 10**64
_HUNDREDTH = Decimal("0.01")
# Python reads more than RFC 3339 allows: weeks, basic forms, any separator, commas, no seconds.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<time>[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,64})?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-5][0-9])?)?"
)
_SHOWN_LENGTH = 60
_COMPONENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Kind(StrEnum):
    """Two grades, two upstream endpoints, two paces."""

    FUNDAMENTAL = "fundamental"
    TRADER = "trader"


@dataclass(frozen=True, slots=True)
class Grade:
    """One score of one token; kind and `as_of` are its cycle's.

    score: hundredths of a point, 0–10,000; None where the source gave none: unknown, never 0.
    label: the source's own class or signal; shown, never deciding.
    components: (name, hundredths or None), sorted by name.
    """

    token: TokenId
    symbol: str
    name: str
    score: int | None
    label: str | None = None
    components: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Cycle:
    """One sweep of one kind from one source at one `as_of` (aware, UTC).

    complete: whether a token's absence means anything.
    Each token stands in `grades` once (see `unique`). unread: tokens it lists in rows that could
    not be read: neither graded nor absent. asked: the tokens that were asked for, None: all there
    are; the absence of others means nothing. lacks: as of a `Reading`.
    """

    source: SourceName
    kind: Kind
    as_of: datetime
    complete: bool
    grades: tuple[Grade, ...]
    unread: frozenset[TokenId] = frozenset()
    asked: frozenset[TokenId] | None = None
    lacks: str | None = None


def source_name(value: str) -> SourceName:
    """A source's name: 1–32 of a–z, 0–9 and _, a letter first. Raises InvalidInput."""
    if not _SOURCE.fullmatch(value):
        raise InvalidInput("source", "must be 1-32 of a-z, 0-9 and _, starting with a letter")
    return SourceName(value)


def token_identity(source: SourceName, upstream_id: str) -> TokenId:
    """`source:upstream_id`, the identity of a token everywhere. Raises InvalidInput."""
    if not _UPSTREAM_ID.fullmatch(upstream_id):
        raise InvalidInput("token_id", "must be 1-64 of A-Z, a-z, 0-9, dot, _ and -")
    return TokenId(f"{source}:{upstream_id}")


def is_token_identity(value: str) -> bool:
    """Whether a text has the form `source:upstream_id`, seen or not."""
    source, colon, upstream_id = value.partition(":")
    return bool(colon and _SOURCE.fullmatch(source) and _UPSTREAM_ID.fullmatch(upstream_id))


def read_kind(value: object) -> Kind:
    """The kind of this name. Raises InvalidInput."""
    names = tuple(kind.value for kind in Kind)
    if value not in names:
        raise InvalidInput("kind", f"must be {' or '.join(names)}, not {_shown(value)}", names)
    return Kind(str(value))


def read_grade(source: SourceName, row: Mapping[str, object]) -> Grade:
    """One row in the public shape, validated.

    row: `token_id` (text or whole number), `score` (number, decimal text, or null/absent =
    unknown), and optionally `symbol`, `name`, `class`, `components` ({name: number or null}).
    Names are labels: control and direction marks are dropped, never a reason to refuse a grade.
    Raises InvalidInput naming the field.
    """
    token = token_identity(source, _read_upstream_id(row.get("token_id")))
    return Grade(
        token=token,
        symbol=clean_label(row.get("symbol"), field="symbol") or token.partition(":")[2],
        name=clean_label(row.get("name"), field="name") or "",
        score=read_score(row.get("score")),
        label=clean_label(row.get("class"), field="class"),
        components=_read_components(row.get("components")),
    )


def read_score(value: object) -> int | None:
    """A score in hundredths of a point, halves rounded up; None and blank text are unknown.

    Raises InvalidInput for anything but a number that is then from 0 to 100.
    """
    hundredths = read_hundredths(value, field="score")
    if hundredths is not None and not 0 <= hundredths <= HIGHEST_SCORE:
        raise InvalidInput("score", f"must be from 0 to 100, not {_shown(value)}")
    return hundredths


def read_hundredths(value: object, *, field: str) -> int | None:
    """A number (or its decimal text) in hundredths; None and blank text are unknown.

    A float is the decimal it is written as; halves are rounded away from zero.
    Raises InvalidInput for what is no number below 10**12, either side of zero.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidInput(field, f"must be a number, not {_shown(value)}")
    text = value.strip() if isinstance(value, str) else _written(value)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidInput(field, f"must be a plain decimal number, not {_shown(value)}")
    # Rounded once, and before it is multiplied: a product is rounded too.
    return int(Decimal(text).quantize(_HUNDREDTH, rounding=ROUND_HALF_UP) * 100)


def read_as_of(value: object, *, latest: datetime | None, field: str = "as_of") -> datetime:
    """An RFC 3339 time with its offset, or a bare date (midnight UTC), as aware UTC.

    latest: now; a time past it by more than FUTURE_TOLERANCE is refused. None: a source that
    lives by a clock of its own.
    Raises InvalidInput.
    """
    text = value.strip() if isinstance(value, str) else ""
    written = _TIME.fullmatch(text)
    moment = None
    if written is not None:
        with suppress(ValueError):
            moment = datetime.fromisoformat(text.upper())
    if written is None or moment is None:
        problem = f"must be an RFC 3339 time such as 2026-11-20T00:00:00Z, not {_shown(value)}"
        raise InvalidInput(field, problem)
    if written["time"] is None:
        moment = moment.replace(tzinfo=UTC)
    elif written["offset"] is None:
        raise InvalidInput(field, f"must say its offset (Z or +hh:mm): {_shown(value)}")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, f"is out of range: {_shown(value)}") from None
    if moment < EARLIEST:
        raise InvalidInput(field, f"is before the year 2000: {_shown(value)}")
    if latest is not None and moment > latest + FUTURE_TOLERANCE:
        raise InvalidInput(field, f"is in the future: {_shown(value)}")
    return moment


def clean_label(value: object, *, field: str) -> str | None:
    """A label without control, direction and surrogate characters, at most 120 characters.

    Line ends and tabs are spaces, and a row of spaces is one.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(field, f"must be text, not {_shown(value)}")
    if not (value.isascii() and value.isprintable()):
        # Cc control, Cf format (direction marks, zero width), Cs lone surrogates.
        spaced = " ".join(value.split())
        value = "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return " ".join(value.split())[:LABEL_LENGTH].rstrip() or None


def _read_upstream_id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput("token_id", f"must be text or a whole number, not {_shown(value)}")
    if isinstance(value, int) and not 0 <= value < _ID_LIMIT:
        raise InvalidInput("token_id", f"must be a number of up to 64 digits, not {_shown(value)}")
    return str(value).strip()


def _written(value: float) -> str:
    """A number as plain digits, with no exponent; "?" where it has too many, or none."""
    if not -_NUMBER_LIMIT < value < _NUMBER_LIMIT:
        return "?"
    text = repr(value)
    return f"{value:.64f}" if "e" in text else text


def _read_components(value: object) -> tuple[tuple[str, int | None], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise InvalidInput("components", f"must be an object, not {_shown(value)}")
    if len(value) > COMPONENT_LIMIT:
        raise InvalidInput("components", f"holds {len(value)}; at most {COMPONENT_LIMIT}")
    components = []
    for name, number in value.items():
        if not isinstance(name, str) or not _COMPONENT_NAME.fullmatch(name):
            raise InvalidInput("components", f"has a name not of a-z, 0-9 and _: {_shown(name)}")
        components.append((name, read_hundredths(number, field=f"components.{name}")))
    return tuple(sorted(components))


def _shown(value: object) -> str:
    """A value as an error shows it, in the words of JSON: short, and safe in a terminal."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    try:
        text = ascii(value)
    except ValueError:
        # Python writes out no whole number of more than 4,300 digits.
        return "a number too long to show"
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 3]}..."
