"""What a right service tells of a scenario, worked out anew.

Nothing here looks at Gradebell's comparison, bands, gates or matching: its rules are written out
again, in decimals of a point, and applied to the scenario's views in their order.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.scenarios import Scenario
from tests.truth.aging import Aging
from tests.truth.holding import (
    BANDS,
    EDGES,
    GATE,
    MOVE,
    SETTLED,
    WITHDRAWN_CYCLES,
    WITHDRAWN_SPAN,
    Held,
    band_after,
)
from tests.truth.told import (
    BACK,
    DOWN,
    FAILING,
    HELD,
    LOST,
    MOVED,
    NEW,
    RECOVERED,
    RESTATED,
    UP,
    Told,
)
from tests.truth.views import KINDS, Seen, Unread, Upstream, View

# How long after it could first be read a change may be told. Troubles are waited out: up to three
# quarters of an hour, and nine hours where the month's credits were spent.
PATIENCE = timedelta(hours=1)
QUOTA_PATIENCE = timedelta(hours=9, minutes=30)


class Ambiguous(Exception):
    """A scenario of which not even the oracle can say what is right."""


@dataclass(slots=True)
class Truth:
    """All that is to be told: to everybody, and to the operator, by (type, kind)."""

    told: list[Told] = field(default_factory=list)
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)


def truth_of(scenario: Scenario, intervals: dict[str, timedelta]) -> Truth:
    """What is right. intervals: between the polls of each kind, from midnight on."""
    truth = Truth()
    for kind in KINDS:
        _Kind(kind, scenario, intervals[kind], truth).run()
    return truth


class _Kind:
    """One kind of grades, view after view."""

    def __init__(self, kind: str, scenario: Scenario, interval: timedelta, truth: Truth) -> None:
        self._kind = kind
        self._scenario = scenario
        self._upstream = Upstream(scenario)
        self._interval = interval
        self._truth = truth
        self._held: dict[int, Held] = {}
        self._first_day: date | None = None
        self._reference: int | None = None
        self._due = scenario.start
        self._aging = Aging(kind, interval)
        self._has_news = False
        self._is_waiting, self._is_failing = False, False
        self._patience = PATIENCE

    def run(self) -> None:
        for view in self._upstream.views(self._kind):
            slot = self._first_slot(view)
            if view.rows is None:
                self._wait(view, slot)
            elif self._is_waiting or slot is not None:
                self._poll(view, slot)
        if not self._is_failing:
            self._age(self._scenario.end)

    def _wait(self, view: View, slot: datetime | None) -> None:
        """Nothing can be read: what was to be polled stays to be."""
        self._is_waiting = self._is_waiting or slot is not None
        if self._is_waiting and not self._is_failing:
            self._age(slot or view.since)
            self._is_failing = True
            self._notice(FAILING)
        effects = {fault.effect for fault in self._upstream.faults(self._kind, view.since)}
        self._patience = QUOTA_PATIENCE if Effect.QUOTA in effects else PATIENCE

    def _poll(self, view: View, slot: datetime | None) -> None:
        at = view.since if self._is_waiting or slot is None else slot
        room = self._patience if self._is_waiting else timedelta(minutes=30)
        if view.until - at < room:
            raise Ambiguous(f"{self._scenario.name}: {self._kind} at {view.since}")
        if self._is_failing:
            self._notice(RECOVERED)
        else:
            self._age(at)
        is_believed = self._look(view, at + self._patience)
        if is_believed and self._aging.hear(at, view.until, has_news=self._has_news):
            self._notice(RECOVERED)
        # What is not believed is asked for again in the next slot, and no sooner.
        self._is_waiting, self._is_failing, self._patience = False, False, PATIENCE
        if not is_believed:
            self._notice(HELD)

    def _age(self, before: datetime) -> None:
        """Tell the operator, if it has grown stale before this moment."""
        if self._aging.grows_stale(before):
            self._notice(FAILING)

    def _first_slot(self, view: View) -> datetime | None:
        since_start = view.since - self._scenario.start
        slot = view.since + (-since_start) % self._interval
        return slot if slot < view.until else None

    def _notice(self, notice: str) -> None:
        self._truth.notices[notice, self._kind] += 1

    def _look(self, view: View, due: datetime) -> bool:
        """Take in a view; False where it is not to be believed."""
        rows = view.rows or {}
        self._due, self._has_news = due, False
        graded = sum(isinstance(seen.said, Decimal) for seen in rows.values())
        floor = Decimal(0) if self._reference is None else self._reference * GATE
        if view.is_half or not graded or graded < floor:
            return False
        day = max(seen.day for seen in rows.values())
        first_day = self._first_day
        is_late = any(day < held.day for held in self._held.values())
        for token, seen in rows.items():
            if isinstance(seen.said, Decimal):
                self._take(token, seen, seen.said, first_day)
        if not is_late:
            self._miss(rows, day)
            self._reference = graded
        self._first_day = first_day or day
        return True

    def _take(self, token: int, seen: Seen, score: Decimal, first_day: date | None) -> None:
        held = self._held.get(token)
        is_late = held is not None and seen.day < held.day
        if not is_late and (held is None or score != held.score):
            self._has_news = True
        if held is None:
            self._meet(token, seen, score, first_day)
        elif seen.day < held.day:
            self._restate(held, seen, score)
        elif held.is_lost:
            self._return(token, held, seen, score)
        elif seen.day > held.day or score != held.score:
            (self._settle if held.is_flapping else self._compare)(token, held, seen, score)
        if token in self._held:
            self._held[token].known.setdefault(seen.day, score)

    def _meet(self, token: int, seen: Seen, score: Decimal, first_day: date | None) -> None:
        band = sum(score >= edge for edge in EDGES[self._kind])
        held = Held(band, score, score, seen.day, seen.symbol)
        self._held[token] = held
        if first_day is not None and seen.day > first_day:
            self._tell(NEW, token, held, before=None, was=None)

    def _return(self, token: int, held: Held, seen: Seen, score: Decimal) -> None:
        was = replace(held)
        held.band = sum(score >= edge for edge in EDGES[self._kind])
        held.renew(seen, score)
        held.anchor, held.is_lost = score, False
        held.goes_up, held.reversals, held.is_flapping = None, (), False
        self._tell(BACK, token, held, before=was.score, was=was)

    def _compare(self, token: int, held: Held, seen: Seen, score: Decimal) -> None:
        was = replace(held)
        event, band = self._verdict(held, score)
        held.renew(seen, score)
        held.band = band
        if event is not None:
            held.anchor = score
            self._tell(event, token, held, before=was.score, was=was)
        if event in {UP, DOWN}:
            held.swing(goes_up=event == UP)

    def _settle(self, token: int, held: Held, seen: Seen, score: Decimal) -> None:
        """A reading of what flaps: told when the same band was held for so many days in a row."""
        band = band_after(self._kind, held.band, score)
        was = replace(held)
        if band == held.band:
            held.away, held.steady = {}, held.steady | {seen.day}
            if len(held.steady) >= SETTLED:
                held.is_flapping, held.reversals = False, ()
                self._compare(token, held, seen, score)
            else:
                held.renew(seen, score)
            return
        goes_up = band > held.band
        if goes_up not in held.away.values():
            held.away, held.before_away = {}, held.score
        held.away, held.steady = held.away | {seen.day: goes_up}, set()
        before = held.before_away
        held.renew(seen, score)
        if len(held.away) >= SETTLED:
            held.band, held.anchor = band, score
            self._tell(UP if goes_up else DOWN, token, held, before=before, was=was)
            held.is_flapping, held.reversals, held.goes_up = False, (), goes_up

    def _verdict(self, held: Held, score: Decimal) -> tuple[str | None, int]:
        """What a score after a rating is told as, and the band that is held then."""
        band = band_after(self._kind, held.band, score)
        if band != held.band:
            return (UP if band > held.band else DOWN), band
        return (MOVED if score != held.score and abs(score - held.anchor) >= MOVE else None), band

    def _restate(self, held: Held, seen: Seen, score: Decimal) -> None:
        """A grade of a day that has passed: it corrects what was told of that day, if wrong."""
        known = [day for day in held.known if day <= seen.day]
        if known and held.known[max(known)] == score:
            return
        held.known[seen.day] = score
        told, was = held.said.get(seen.day, (None, None))
        if told is None:
            return
        if told.type in {NEW, BACK} or was is None:
            event, band = told.type, sum(score >= edge for edge in EDGES[self._kind])
        else:
            verdict, band = self._verdict(was, score)
            event = verdict or ""
        names = BANDS[self._kind]
        if seen.day in held.corrected:
            if held.corrected[seen.day] == band:
                return
        elif (event, names[band]) == (told.type, told.band):
            return
        held.corrected[seen.day] = band
        self._truth.told.append(
            replace(
                told,
                type=RESTATED,
                symbol=seen.symbol,
                after=score,
                band=names[band],
                revises=False,
                due=self._due,
                corrects=told,
            )
        )

    def _miss(self, rows: dict[int, Seen], day: date) -> None:
        """Count the absence of those that a whole view lacks; once for each day."""
        for token, held in self._held.items():
            seen = rows.get(token)
            if held.is_lost or day <= held.day or (seen and isinstance(seen.said, Decimal)):
                continue
            if seen is not None and seen.said is Unread.UNREADABLE:
                held.absent, held.absent_since, held.absent_day = 0, None, None
                continue
            if held.absent_day is not None and day <= held.absent_day:
                continue
            held.absent += 1
            held.absent_since = held.absent_since or day
            held.absent_day = day
            if held.absent >= WITHDRAWN_CYCLES and day - held.absent_since >= WITHDRAWN_SPAN:
                held.is_lost = True
                symbol = seen.symbol if seen is not None else held.symbol
                self._truth.told.append(
                    Told(LOST, self._kind, token, day, symbol, held.score, None, None,
                         revises=False, due=self._due)
                )  # fmt: skip

    def _tell(
        self, event: str, token: int, held: Held, *, before: Decimal | None, was: Held | None
    ) -> None:
        told = Told(
            event,
            self._kind,
            token,
            held.day,
            held.symbol,
            before,
            held.score,
            BANDS[self._kind][held.band],
            revises=held.told_at_day,
            due=self._due,
        )
        held.told_at_day = True
        held.said[held.day] = told, was
        self._truth.told.append(told)
