"""How the sandbox misbehaves, on request: each fault is switched on by name."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from alerts.errors import InvalidInput, NotFound
from alerts.sources.sandbox.generator import Stream

_LONGEST_SECONDS = 600


class Effect(StrEnum):
    """What goes wrong: with the whole answer, its way, its body, its days, or its rows."""

    TOO_MANY_SECONDS = "429-ra-seconds"
    TOO_MANY_DATE = "429-ra-date"
    TOO_MANY = "429-no-ra"
    QUOTA = "429-quota"
    UNAUTHORIZED = "401"
    KEY_ROTATED = "auth-rotate"
    PAYMENT = "402"
    FORBIDDEN = "403-endpoint"
    WITHDRAWN = "withdrawn"
    ERROR = "500"
    ERROR_HTML = "502-html"
    UNAVAILABLE = "503-ra"
    REDIRECT = "redirect"
    PAGE_HTML = "200-html"
    UNSUCCESSFUL = "success-false"

    SLOW = "slow"
    HANG = "hang"
    RESET = "reset"
    CLOCK_SKEW = "clock-skew"

    TRUNCATED = "truncated"
    TRUNCATED_GZIP = "truncated-gzip"
    WRONG_LENGTH = "wrong-length"
    HUGE = "huge"
    HUGE_ROWS = "huge-rows"
    PARTIAL_PAGE = "partial-page"
    PAGE_SHIFT = "page-shift"

    STALE = "stale"
    DATE_BACK = "date-back"
    DATE_GAP = "date-gap"
    FUTURE = "date-future"
    BARE_DATE = "bare-date"

    EMPTY = "empty"
    ABSENT = "absent"
    DUPLICATE = "dup-rows"
    TWIN = "dup-conflict"
    NULL_GRADE = "null-grade"
    MISSING_FIELD = "missing-field"
    NAN_STRING = "nan-string"
    NUMERIC_STRING = "numeric-string"
    INT_FOR_FLOAT = "int-for-float"
    OUT_OF_RANGE = "out-of-range"
    ADDED_FIELD = "schema-add"
    LOWER_CASE = "schema-rename"
    CASE_TWIN = "case-twin"
    NEW_CLASS = "new-class"
    NEW_SIGNAL = "new-signal"
    RESTATE = "restate"
    FLAP = "flap"
    MASS_MOVE = "mass-move"
    RENAME = "rename"
    SYMBOL_SWAP = "symbol-swap"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault that is switched on.

    endpoint: a shell pattern on the path, e.g. `*/tm-grade`. page: that page alone.
    tokens: the ids whose rows it spoils; empty: all. count: how many answers it spoils; None:
    every one until it is switched off. probability: the share of answers it spoils, by chance
    that is the same each time. since, until: the window, in the sandbox's own time (UTC).
    points: what `restate`, `flap` and `mass-move` add to a grade (subtract, where it would pass
    100); 45 leads out of any band. percent: of the tokens, that `mass-move` moves.
    hours: how long `flap` stays on a side. days: how far back `stale` and `date-back` go.
    seconds: how long `slow` and `hang` take. skew_seconds: how far ahead the answers' `Date` is.
    key: the one that is taken from `auth-rotate` on. symbol, name: the labels `rename` gives.
    location: where `redirect` leads.
    """

    effect: Effect
    endpoint: str = "*"
    tokens: tuple[int, ...] = ()
    page: Annotated[int, msgspec.Meta(ge=1)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    since: datetime | None = None
    until: datetime | None = None
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 30
    points: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 30
    hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 1
    days: Annotated[int, msgspec.Meta(ge=1, le=29)] = 1
    seconds: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_SECONDS)] = 60.0
    skew_seconds: Annotated[int, msgspec.Meta(ge=-200_000, le=200_000)] = 600
    key: str = "tm-sandbox-rotated"
    symbol: str = "RNMD"
    name: str = "Renamed"
    location: str = "http://127.0.0.1:9/elsewhere"


class Due(msgspec.Struct, frozen=True):
    """One fault that spoils the answer being made. began: since when it has been on."""

    fault: Fault
    began: datetime
    now: datetime

    @property
    def effect(self) -> Effect:
        return self.fault.effect

    def hits(self, token_id: int) -> bool:
        """Whether it is about this token."""
        return not self.fault.tokens or token_id in self.fault.tokens


def _taken(problem: str) -> str:
    """What would have been taken: the fields, if another one is wrong than the effect."""
    if "unknown field" in problem or ("`$." in problem and "`$.effect`" not in problem):
        return f"fields: {', '.join(Fault.__struct_fields__)}"
    return f"effects: {', '.join(Effect)}"


class FaultBoard:
    """The faults that are on, by id, in the order they were switched on."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._began: dict[int, datetime] = {}
        self._asked: dict[int, int] = {}
        self._spoilt: dict[int, int] = {}
        self._last_id = 0

    def switch_on(self, body: bytes, now: datetime) -> int:
        """body: a Fault as JSON. The id it is switched off by. Raises InvalidInput."""
        try:
            fault = msgspec.json.decode(body, type=Fault)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("fault", f"{error} ({_taken(str(error))})") from None
        return self.add(fault, now)

    def add(self, fault: Fault, now: datetime) -> int:
        """The same with a fault that is read already. Raises InvalidInput."""
        for name, moment in (("since", fault.since), ("until", fault.until)):
            if moment is not None and moment.tzinfo is None:
                raise InvalidInput(name, "must be a time with its zone, such as 2026-01-05T00:00Z")
        if fault.effect is Effect.SYMBOL_SWAP and len(fault.tokens) != 2:  # noqa: PLR2004
            raise InvalidInput("tokens", "must name the two that swap")
        self._last_id += 1
        self._faults[self._last_id] = fault
        self._began[self._last_id] = fault.since or now
        self._asked[self._last_id] = self._spoilt[self._last_id] = 0
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

    def due(self, path: str, page: int, now: datetime) -> list[Due]:
        """The faults that spoil this answer; each is counted as used. now: virtual."""
        found = []
        for number, fault in list(self._faults.items()):
            is_meant = fnmatchcase(path, fault.endpoint) and fault.page in {None, page}
            if not is_meant or not _is_on(fault, now):
                continue
            self._asked[number] += 1
            chance = Stream("fault", number, self._asked[number])
            if fault.probability < 1 and not chance.happens(round(fault.probability * 1000)):
                continue
            found.append(Due(fault, self._began[number], now))
            self._spoilt[number] += 1
            if fault.count == self._spoilt[number]:
                del self._faults[number]
        return found


def shown_day(faults: list[Due], today: date, opening: date) -> date:
    """The day whose rows are the newest that these faults let through."""
    for due in faults:
        if due.effect is Effect.STALE:
            stopped = due.began.astimezone(UTC).date() - timedelta(days=due.fault.days)
            today = min(today, max(stopped, opening))
        if due.effect is Effect.DATE_BACK:
            today = max(today - timedelta(days=due.fault.days), opening)
        if due.effect is Effect.DATE_GAP and not due.fault.tokens and _is_missing(due, today):
            before = due.began.astimezone(UTC).date() - timedelta(days=1)
            today = max(before, opening)
    return today


def is_missing(faults: list[Due], token_id: int, day: date) -> bool:
    """Whether a token's row of this day fell into a gap."""
    return any(
        due.effect is Effect.DATE_GAP and due.hits(token_id) and _is_missing(due, day)
        for due in faults
    )


def _is_missing(due: Due, day: date) -> bool:
    until = due.fault.until
    first = due.began.astimezone(UTC).date()
    return first <= day and (until is None or day < until.astimezone(UTC).date())


def _is_on(fault: Fault, now: datetime) -> bool:
    if fault.since is not None and now < fault.since:
        return False
    # Days that are missing stay missing in what is told of the past.
    return fault.until is None or now < fault.until or fault.effect is Effect.DATE_GAP
