"""How the sandbox misbehaves, on request: each fault is switched on by name."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from alerts.errors import InvalidInput, NotFound
from alerts.sources.sandbox.rows import Row

HUGE_PADDING_BYTES = 9 * 1024 * 1024
HIGHEST_GRADE = 100
PRIMARY_FIELDS = ("TM_GRADE", "TM_TRADER_GRADE", "FUNDAMENTAL_GRADE")


class Effect(StrEnum):
    """What goes wrong: with the whole answer, with its body, or with its rows."""

    TOO_MANY_SECONDS = "429-ra-seconds"
    TOO_MANY_DATE = "429-ra-date"
    TOO_MANY = "429-no-ra"
    QUOTA = "429-quota"
    UNAUTHORIZED = "401"
    PAYMENT = "402"
    FORBIDDEN = "403-endpoint"
    WITHDRAWN = "withdrawn"
    ERROR = "500"
    ERROR_HTML = "502-html"
    UNAVAILABLE = "503-ra"
    REDIRECT = "redirect"
    PAGE_HTML = "200-html"
    UNSUCCESSFUL = "success-false"

    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong-length"
    HUGE = "huge"

    EMPTY = "empty"
    ABSENT = "absent"
    NULL_GRADE = "null-grade"
    MISSING_FIELD = "missing-field"
    NAN_STRING = "nan-string"
    OUT_OF_RANGE = "out-of-range"
    LOWER_CASE = "schema-rename"
    NEW_CLASS = "new-class"
    RESTATE = "restate"
    RENAME = "rename"
    TWIN = "dup-conflict"
    FUTURE = "date-future"
    BARE_DATE = "bare-date"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault that is switched on.

    endpoint: a shell pattern on the path, e.g. `/v2/tm-grade`. page: that page alone.
    tokens: the ids whose rows it spoils; empty: all. count: how many answers it spoils; None:
    every one until it is switched off.
    points: what `restate` adds to the grade (subtracts, where it would pass 100).
    symbol, name: the labels `rename` gives. location: where `redirect` leads.
    """

    effect: Effect
    endpoint: str = "*"
    tokens: tuple[int, ...] = ()
    page: Annotated[int, msgspec.Meta(ge=1)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 30
    points: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    symbol: str = "RNMD"
    name: str = "Renamed"
    location: str = "http://127.0.0.1:9/elsewhere"


class Refusal(msgspec.Struct, frozen=True):
    """An answer in place of the rows."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class FaultBoard:
    """The faults that are on, by id, in the order they were switched on."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._spoilt: dict[int, int] = {}
        self._last_id = 0

    def switch_on(self, body: bytes) -> int:
        """body: a Fault as JSON. The id it is switched off by. Raises InvalidInput."""
        try:
            fault = msgspec.json.decode(body, type=Fault)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("fault", str(error)) from None
        self._last_id += 1
        self._faults[self._last_id] = fault
        self._spoilt[self._last_id] = 0
        return self._last_id

    def switch_off(self, fault_id: int | None = None) -> None:
        """One fault, or all. Raises NotFound."""
        if fault_id is None:
            self._faults.clear()
        elif self._faults.pop(fault_id, None) is None:
            raise NotFound("fault", str(fault_id))

    def all(self) -> list[dict[str, object]]:
        return [
            {"id": number, "spoilt": self._spoilt[number], **msgspec.to_builtins(fault)}
            for number, fault in self._faults.items()
        ]

    def due(self, path: str, page: int) -> list[Fault]:
        """The faults that spoil this answer; each is counted as used."""
        found = []
        for number, fault in list(self._faults.items()):
            if fnmatchcase(path, fault.endpoint) and fault.page in {None, page}:
                found.append(fault)
                self._spoilt[number] += 1
                if fault.count == self._spoilt[number]:
                    del self._faults[number]
        return found


def refusal_of(faults: Sequence[Fault], now: datetime) -> Refusal | None:
    """The first fault that answers in place of the rows. now: real time, for a dated wait."""
    for fault in faults:
        if fault.effect in _REFUSALS:
            status, words = _REFUSALS[fault.effect]
            is_html = fault.effect in {Effect.ERROR_HTML, Effect.PAGE_HTML}
            body = words.encode() if is_html else _message(words)
            headers = {"content-type": "text/html" if is_html else "application/json"}
            return Refusal(status, body, headers | _asked_wait(fault, now))
    return None


def spoil_rows(faults: Sequence[Fault], rows: list[Row]) -> list[Row]:
    """The rows as these faults leave them; the given ones stay as they are."""
    for fault in faults:
        change = _ROW_CHANGES.get(fault.effect)
        if change is not None:
            rows = [
                spoilt
                for row in rows
                for spoilt in (
                    change(fault, row)
                    if not fault.tokens or row["TOKEN_ID"] in fault.tokens
                    else [row]
                )
            ]
    return rows


def spoil_body(faults: Sequence[Fault], page: dict[str, object]) -> bytes:
    """A page's bytes as these faults leave them."""
    effects = {fault.effect for fault in faults}
    if Effect.WRONG_LENGTH in effects:
        page = {**page, "length": 1_000_000}
    body = msgspec.json.encode(page)
    if Effect.HUGE in effects:
        body += b" " * HUGE_PADDING_BYTES
    return body[: len(body) // 2] if Effect.TRUNCATED in effects else body


def _message(words: str) -> bytes:
    return json.dumps({"success": False, "message": words}).encode()


def _asked_wait(fault: Fault, now: datetime) -> dict[str, str]:
    if fault.effect in {Effect.TOO_MANY_SECONDS, Effect.UNAVAILABLE}:
        return {"retry-after": str(fault.retry_after_seconds)}
    if fault.effect is Effect.TOO_MANY_DATE:
        moment = now + timedelta(seconds=fault.retry_after_seconds)
        return {"retry-after": format_datetime(moment, usegmt=True)}
    return {"location": fault.location} if fault.effect is Effect.REDIRECT else {}


_REFUSALS = {
    Effect.TOO_MANY_SECONDS: (429, "Too many requests: 1 a minute"),
    Effect.TOO_MANY_DATE: (429, "Too many requests: 1 a minute"),
    Effect.TOO_MANY: (429, "Too many requests: 1 a minute"),
    Effect.QUOTA: (429, "The monthly credits of this plan are used up"),
    Effect.UNAUTHORIZED: (401, "Invalid API key"),
    Effect.PAYMENT: (402, "Payment required"),
    Effect.FORBIDDEN: (403, "Your plan does not include this endpoint"),
    Effect.WITHDRAWN: (404, "Not found"),
    Effect.ERROR: (500, "Internal server error"),
    Effect.ERROR_HTML: (502, "<html><h1>502 Bad Gateway</h1></html>"),
    Effect.UNAVAILABLE: (503, "Service unavailable"),
    Effect.REDIRECT: (302, "Moved"),
    Effect.PAGE_HTML: (200, "<html><h1>We are down for maintenance</h1></html>"),
    Effect.UNSUCCESSFUL: (200, "Something went wrong"),
}


def _with_primary(row: Row, change: Callable[[object], object]) -> Row:
    return {field: change(v) if field in PRIMARY_FIELDS else v for field, v in row.items()}


def _restated(fault: Fault, row: Row) -> list[Row]:
    def move(value: object) -> object:
        before = float(str(value))
        is_room = before + fault.points <= HIGHEST_GRADE
        after = before + (fault.points if is_room else -fault.points)
        return f"{after:.2f}" if isinstance(value, str) else round(after, 2)

    return [_with_primary(row, move)]


def _twinned(fault: Fault, row: Row) -> list[Row]:
    return [row, *_restated(fault, row)]


def _renamed(fault: Fault, row: Row) -> list[Row]:
    return [{**row, "TOKEN_SYMBOL": fault.symbol, "TOKEN_NAME": fault.name}]


def _reclassed(_: Fault, row: Row) -> list[Row]:
    labels = {"TM_GRADE_SIGNAL", "FUNDAMENTAL_GRADE_CLASS"}
    return [{field: "Unheard Of" if field in labels else v for field, v in row.items()}]


def _lower_cased(_: Fault, row: Row) -> list[Row]:
    return [{f.lower() if f in PRIMARY_FIELDS else f: v for f, v in row.items()}]


def _without_primary(_: Fault, row: Row) -> list[Row]:
    return [{field: v for field, v in row.items() if field not in PRIMARY_FIELDS}]


def _with_date(row: Row, change: Callable[[str], str]) -> Row:
    return {**row, "DATE": change(str(row["DATE"]))} if "DATE" in row else row


_ROW_CHANGES: dict[Effect, Callable[[Fault, Row], list[Row]]] = {
    Effect.EMPTY: lambda _, __: [],
    Effect.ABSENT: lambda _, __: [],
    Effect.NULL_GRADE: lambda _, row: [_with_primary(row, lambda __: None)],
    Effect.NAN_STRING: lambda _, row: [_with_primary(row, lambda __: "NaN")],
    Effect.OUT_OF_RANGE: lambda _, row: [_with_primary(row, lambda __: 101)],
    Effect.MISSING_FIELD: _without_primary,
    Effect.LOWER_CASE: _lower_cased,
    Effect.NEW_CLASS: _reclassed,
    Effect.RESTATE: _restated,
    Effect.RENAME: _renamed,
    Effect.TWIN: _twinned,
    Effect.FUTURE: lambda _, row: [_with_date(row, lambda __: "2999-01-01T00:00:00.000Z")],
    Effect.BARE_DATE: lambda _, row: [_with_date(row, lambda date: date[:10])],
}
