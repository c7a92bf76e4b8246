"""A pushed cycle: one JSON body, its rows judged one by one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from alerts.api.bodies import NumberTooLarge, decode_json, nearest_name, object_of
from alerts.domain.grades import (
    Cycle,
    Grade,
    SourceName,
    read_as_of,
    read_grade,
    read_kind,
    source_name,
)
from alerts.domain.readings import (
    SHOWN_ID_LENGTH,
    RejectedRow,
    shown_id,
    unique,
    unread_tokens,
)
from alerts.errors import InvalidInput, TooLarge

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_ROWS: Final = 50_000
LIMITS: Final = (
    "a push is at most 10 MB and 50,000 grades; send it in parts, each with `complete`: false"
)
# The shortest row takes 15 bytes: what is longer may hold more than 2,000 rows.
THREAD_BYTES: Final = 30_000

_FIELDS: Final = ("source", "kind", "as_of", "complete", "grades")
_ROW_FIELDS: Final = ("token_id", "symbol", "name", "score", "class", "components")
_KNOWN_ROW_FIELDS: Final = frozenset(_ROW_FIELDS)

_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Push:
    """A cycle as it was pushed: what could be read of it, and what could not."""

    cycle: Cycle
    rejected: tuple[RejectedRow, ...]


def read_push(body: bytes, now: datetime) -> Push:
    """A whole body, judged. Takes long for a long one: run it in a thread above THREAD_BYTES.

    now: dates may be an hour past it.
    Raises BodyUnreadable, TooLarge, or InvalidInput naming the field.
    """
    given = _decode(body)
    for name in given:
        if name not in _FIELDS:
            raise InvalidInput(name, "is not a field of a cycle", nearest_name(name, _FIELDS))
    for name in _FIELDS:
        if name not in given and name != "complete":
            raise InvalidInput(name, "is required")
    source = source_name(_text(given["source"], "source"))
    kind = read_kind(given["kind"])
    as_of = read_as_of(given["as_of"], latest=now)
    complete = given.get("complete", False)
    if not isinstance(complete, bool):
        raise InvalidInput("complete", "must be true or false")
    rows = given["grades"]
    if not isinstance(rows, list):
        raise InvalidInput("grades", "must be a list")
    if len(rows) > MOST_ROWS:
        raise TooLarge("grades", f"holds {len(rows)} grades; {LIMITS}")
    grades, rejected = _judge(source, rows)
    unread = unread_tokens(source, rejected)
    return Push(Cycle(source, kind, as_of, complete, grades, unread), rejected)


def _judge(
    source: SourceName, rows: list[object]
) -> tuple[tuple[Grade, ...], tuple[RejectedRow, ...]]:
    """Each row by itself: one that cannot be read is reported and keeps nobody else out."""
    read: list[tuple[int, Grade]] = []
    rejected: list[RejectedRow] = []
    for number, row in enumerate(rows, start=1):
        try:
            read.append((number, _grade(source, row)))
        except InvalidInput as error:
            given = row.get("token_id") if isinstance(row, dict) else None
            rejected.append(RejectedRow(number, shown_id(given), str(error)))
    grades, twins = unique(read)
    return grades, tuple(sorted((*rejected, *twins), key=lambda twin: twin.row))


def _grade(source: SourceName, row: object) -> Grade:
    if isinstance(row, msgspec.DecodeError):
        raise InvalidInput("row", f"cannot be read: {row}")
    if not isinstance(row, dict):
        raise InvalidInput("row", "must be an object")
    # A misspelt `score` would be an unknown score, and nobody would notice.
    if not _KNOWN_ROW_FIELDS.issuperset(row):
        stray = next(name for name in row if name not in _KNOWN_ROW_FIELDS)
        near = ", ".join(nearest_name(stray, _ROW_FIELDS))
        raise InvalidInput(
            ascii(stray)[1:-1][:SHOWN_ID_LENGTH], f"is not a field of a grade ({near})"
        )
    return read_grade(source, row)


def _decode(body: bytes) -> dict[str, object]:
    try:
        return object_of(body)
    except NumberTooLarge:
        pass
    # Some number is too large to be one. It is its row's problem, so rows are read singly.
    given: dict[str, object] = {}
    for name, raw in decode_json(body, _raw_object.decode).items():
        is_list = name == "grades" and bytes(raw).lstrip().startswith(b"[")
        given[name] = [_value(row) for row in _raw_rows.decode(raw)] if is_list else _value(raw)
    return given


def _value(raw: msgspec.Raw) -> object:
    """A value, or the reason why there is none."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        return error


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, "must be text")
    return value
