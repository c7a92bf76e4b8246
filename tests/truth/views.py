"""What upstream says in a scenario, moment by moment, as whoever understands each fault sees it.

From the generator's truth and the scenario's faults. What a fault means for a right service stands
in the three sets below, and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fnmatch import fnmatchcase
from itertools import pairwise

from alerts.sources.sandbox.faults import Effect, Fault
from alerts.sources.sandbox.generator import Stream
from alerts.sources.sandbox.roster import OPENING, SandboxToken
from tests.truth.cases import Case, Tokens

KINDS = ("fundamental", "trader")
PATHS = {
    ("v2-2025-04", "trader"): "/v2/trader-grades",
    ("v2-2025-04", "fundamental"): "/v2/fundamental-grade",
    ("v2-2025-08", "trader"): "/v2/tm-grade",
    ("v2-2025-08", "fundamental"): "/v2/fundamental-grade",
    ("v3", "trader"): "/v3/tm-grade",
    ("v3", "fundamental"): "/v3/fundamental-grade",
}
PAGE = 100
HIGHEST = 100
HOUR = timedelta(hours=1)
# Nothing can be learned while these are on, and nothing has changed for it.
NO_ANSWER = frozenset(
    {
        Effect.TOO_MANY_SECONDS,
        Effect.TOO_MANY_DATE,
        Effect.TOO_MANY,
        Effect.QUOTA,
        Effect.UNAUTHORIZED,
        Effect.KEY_ROTATED,
        Effect.PAYMENT,
        Effect.FORBIDDEN,
        Effect.WITHDRAWN,
        Effect.ERROR,
        Effect.ERROR_HTML,
        Effect.UNAVAILABLE,
        Effect.REDIRECT,
        Effect.PAGE_HTML,
        Effect.UNSUCCESSFUL,
        Effect.TRUNCATED,
        Effect.TRUNCATED_GZIP,
        Effect.WRONG_LENGTH,
        Effect.HUGE,
        Effect.HUGE_ROWS,
        Effect.RESET,
        Effect.HANG,
        Effect.SLOW,
    }
)
# A row that says no grade: as good as none.
_UNKNOWN = frozenset({Effect.NULL_GRADE, Effect.MISSING_FIELD, Effect.LOWER_CASE})
# A row that cannot be read: neither a grade nor an absence.
_UNREADABLE = frozenset({Effect.NAN_STRING, Effect.OUT_OF_RANGE, Effect.FUTURE})
_GONE = frozenset({Effect.ABSENT, Effect.EMPTY})
_RISEN = frozenset({Effect.RESTATE, Effect.FLAP, Effect.MASS_MOVE, Effect.TWIN})


class Unread(Enum):
    """A row that is there and says no score."""

    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Seen:
    """One token's row. day: it is of. said: its score in points."""

    day: date
    said: Decimal | Unread
    symbol: str


@dataclass(frozen=True, slots=True)
class View:
    """All that upstream says of one kind for a while. rows: by token, None: there is no answer.

    asked: whom it was asked about, None: all. is_half: pages are missing without a word.
    """

    since: datetime
    until: datetime
    rows: dict[int, Seen] | None
    asked: Tokens = None
    is_half: bool = False


class Upstream:
    """One scenario, as who asks in this case sees it."""

    def __init__(self, case: Case) -> None:
        self._case, self._scenario = case, case.scenario
        self._market = self._scenario.market()
        self._order = self._market.tokens

    def views(self, kind: str) -> Iterator[View]:
        """What is said, from each change of it to the next; first to last."""
        moments = sorted(self._changes(kind))
        for since, until in pairwise(moments):
            yield self._view(kind, since, until)

    def faults(self, kind: str, now: datetime) -> list[Fault]:
        """Those that last, and are on."""
        return [
            fault
            for fault in self._lasting(kind)
            if (fault.since or self._scenario.start) <= now < self._until(fault)
        ]

    def _lasting(self, kind: str) -> list[Fault]:
        """All but those of a few answers, which cost a little time and change nothing."""
        path = PATHS[self._scenario.profile.value, kind]
        return [
            fault
            for fault in self._scenario.faults
            if fnmatchcase(path, fault.endpoint) and fault.count is None and fault.probability == 1
        ]

    def _until(self, fault: Fault) -> datetime:
        given = self._scenario.new_key_at if fault.effect is Effect.KEY_ROTATED else fault.until
        return given or self._scenario.end

    def _changes(self, kind: str) -> set[datetime]:
        start, end = self._scenario.start, self._scenario.end
        found = {start, end}
        found |= {start + timedelta(days=n) for n in range(1, int(self._scenario.days) + 1)}
        found |= {since for since, _ in self._case.lists}
        for fault in self._lasting(kind):
            since, until = fault.since or start, self._until(fault)
            found |= {since, until}
            while fault.effect is Effect.FLAP and since < until:
                found.add(since)
                since += fault.hours * HOUR
        return {moment for moment in found if start <= moment <= end}

    def _view(self, kind: str, since: datetime, until: datetime) -> View:
        faults = self.faults(kind, since)
        effects = {fault.effect for fault in faults}
        if effects & NO_ANSWER:
            return View(since, until, None)
        asked = self._case.asked(since)
        rows = {
            token.id: seen
            for token in self._order
            if (asked is None or token.id in asked)
            and (seen := self._seen(kind, token, since, faults)) is not None
        }
        listed = [token for token in self._order if token.id in rows]
        if Effect.PAGE_SHIFT in effects and len(listed) > PAGE:
            # The first of the second page has moved to the front when that page is read.
            del rows[listed[PAGE].id]
        return View(since, until, rows, asked, is_half=Effect.PARTIAL_PAGE in effects)

    def _seen(
        self, kind: str, token: SandboxToken, now: datetime, faults: list[Fault]
    ) -> Seen | None:
        day = _newest_day(now, faults)
        truth = self._truth(kind, token, day)
        mine = [fault for fault in faults if not fault.tokens or token.id in fault.tokens]
        effects = {fault.effect for fault in mine}
        if truth is None or effects & _GONE:
            return None
        if any(fault.effect is Effect.DATE_GAP and fault.tokens for fault in mine):
            return None
        said: Decimal | Unread = truth
        for fault in mine:
            said = _after(fault, token.id, said, now)
        return Seen(day, said, self._symbol(token, day, mine))

    def _truth(self, kind: str, token: SandboxToken, day: date) -> Decimal | None:
        if kind == "trader":
            trader = self._market.trader(token, day)
            return None if trader is None else Decimal(trader.trader) / 100
        fundamental = self._market.fundamental(token, day)
        return None if fundamental is None else Decimal(fundamental.grade) / 100

    def _symbol(self, token: SandboxToken, day: date, faults: list[Fault]) -> str:
        _, symbol = token.labels(day)
        for fault in faults:
            if fault.effect is Effect.RENAME:
                symbol = fault.symbol
            if fault.effect is Effect.SYMBOL_SWAP:
                other = next(each for each in fault.tokens if each != token.id)
                symbol = next(each for each in self._order if each.id == other).labels(day)[1]
        return symbol


def _newest_day(now: datetime, faults: list[Fault]) -> date:
    """The day of the newest rows there are."""
    day = now.date()
    for fault in faults:
        began = (fault.since or datetime.combine(OPENING, datetime.min.time(), UTC)).date()
        if fault.effect is Effect.STALE:
            day = min(day, began - timedelta(days=fault.days))
        if fault.effect is Effect.DATE_BACK:
            day -= timedelta(days=fault.days)
        if fault.effect is Effect.DATE_GAP and not fault.tokens:
            day = began - timedelta(days=1)
    return max(day, OPENING)


def _after(fault: Fault, token: int, said: Decimal | Unread, now: datetime) -> Decimal | Unread:
    """What a row says once this fault has touched it."""
    if fault.effect in _UNREADABLE:
        return Unread.UNREADABLE
    if isinstance(said, Unread):
        return said
    if fault.effect in _UNKNOWN:
        return Unread.UNKNOWN
    if fault.effect is Effect.INT_FOR_FLOAT:
        return Decimal(int(said))
    if fault.effect not in _RISEN or not _is_away(fault, token, now):
        return said
    risen = said + fault.points if said + fault.points <= HIGHEST else said - fault.points
    # Of twins that differ the higher stands: a doubt is never a downgrade.
    return max(said, risen) if fault.effect is Effect.TWIN else risen


def _is_away(fault: Fault, token: int, now: datetime) -> bool:
    """Whether a grade is where this fault takes it."""
    if fault.effect is Effect.FLAP:
        hours = int((now - (fault.since or now)) / HOUR)
        return hours // fault.hours % 2 == 1
    # Who is among those that move is the sandbox's own choice.
    is_one = Stream("mass-move", token).below(100) < fault.percent
    return is_one or fault.effect is not Effect.MASS_MOVE
