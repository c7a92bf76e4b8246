"""What a right service tells of a scenario, worked out anew.

Nothing here looks at Gradebell's comparison, bands, gates or matching: its rules are written out
again, in decimals of a point, and applied to the scenario's views in their order.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from alerts.sources.sandbox.faults import Effect
from tests.truth.aging import Aging
from tests.truth.cases import Case, Tokens
from tests.truth.holding import GATE, WITHDRAWN_CYCLES, WITHDRAWN_SPAN, Heard, Held
from tests.truth.ladder import BANDS
from tests.truth.told import (
    BACK,
    BAND_CHANGES,
    FAILING,
    HELD,
    LOST,
    NEW,
    READ,
    RECOVERED,
    RESTATED,
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
    """All that is to be told: to everybody, and to the operator.

    notices: type, kind, when it was noticed, and whether it is about our key.
    readings: what was read of each token, in order, where it was another score or day: READ.
    One after a silence has no `before`, and one that ends in silence no `after`.
    """

    until: datetime
    told: list[Told] = field(default_factory=list)
    notices: list[tuple[str, str, datetime, bool]] = field(default_factory=list)
    readings: list[Told] = field(default_factory=list)


def truth_of(case: Case, intervals: dict[str, timedelta]) -> Truth:
    """What is right. intervals: between the polls of each kind, from midnight on."""
    truth = Truth(case.scenario.end)
    for kind in KINDS:
        _Kind(kind, case, intervals[kind], truth).run()
    return truth


class _Kind:
    """One kind of grades, view after view."""

    def __init__(self, kind: str, case: Case, interval: timedelta, truth: Truth) -> None:
        self._kind = kind
        self._ladder = case.ladder(kind)
        self._scenario = case.scenario
        self._upstream = Upstream(case)
        self._interval = interval
        self._truth = truth
        self._held: dict[int, Held] = {}
        self._first_day: date | None = None
        self._reference: int | None = None
        self._asked: Tokens = None
        self._at = self._due = self._scenario.start
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
        effects = {fault.effect for fault in self._upstream.faults(self._kind, view.since)}
        is_spent = Effect.QUOTA in effects
        if self._is_waiting and not self._is_failing:
            self._age(slot or view.since)
            self._is_failing = True
            self._notice(FAILING, slot or view.since, is_of_key=is_spent)
        self._patience = QUOTA_PATIENCE if is_spent else PATIENCE

    def _poll(self, view: View, slot: datetime | None) -> None:
        at = view.since if self._is_waiting or slot is None else slot
        room = self._patience if self._is_waiting else timedelta(minutes=30)
        if view.until - at < room:
            raise Ambiguous(f"{self._scenario.name}: {self._kind} at {view.since}")
        if self._is_failing:
            self._notice(RECOVERED, at)
        else:
            self._age(at)
        is_believed = self._look(view, at)
        if is_believed and self._aging.hear(
            at, view.until, tokens=self._reference, has_news=self._has_news
        ):
            self._notice(RECOVERED, at)
        # What is not believed is asked for again in the next slot, and no sooner.
        self._is_waiting, self._is_failing, self._patience = False, False, PATIENCE
        if not is_believed:
            self._notice(HELD, at)

    def _age(self, before: datetime) -> None:
        """Tell the operator, if it has grown stale before this moment."""
        if self._aging.grows_stale(before):
            self._notice(FAILING, before)

    def _first_slot(self, view: View) -> datetime | None:
        since_start = view.since - self._scenario.start
        slot = view.since + (-since_start) % self._interval
        return slot if slot < view.until else None

    def _notice(self, notice: str, at: datetime, *, is_of_key: bool = False) -> None:
        self._truth.notices.append((notice, self._kind, at, is_of_key))

    def _look(self, view: View, at: datetime) -> bool:
        """Take in a view; False where it is not to be believed."""
        rows = view.rows or {}
        self._at, self._due, self._has_news = at, at + self._patience, False
        graded = sum(isinstance(seen.said, Decimal) for seen in rows.values())
        # What was asked about others says nothing of how many there should be.
        is_same = self._reference is not None and view.asked == self._asked
        floor = self._reference * GATE if is_same and self._reference is not None else Decimal(0)
        if view.is_half or not graded or graded < floor:
            return False
        day = max(seen.day for seen in rows.values())
        first_day = self._first_day
        is_late = any(day < held.day for held in self._held.values())
        for token, seen in rows.items():
            if isinstance(seen.said, Decimal):
                self._take(token, seen, seen.said, first_day)
        if not is_late:
            self._miss(view, day)
            self._reference = graded
        self._asked = view.asked
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
            self._compare(token, held, seen, score)
        if token in self._held:
            self._held[token].known.setdefault(seen.day, score)

    def _meet(self, token: int, seen: Seen, score: Decimal, first_day: date | None) -> None:
        held = Held(self._ladder, self._ladder.rung_of(score), score, score, seen.day, seen.symbol)
        self._held[token] = held
        self._note(token, held, before=None)
        is_asked_for = self._asked is None or token in self._asked
        if first_day is not None and seen.day > first_day and is_asked_for:
            self._tell(token, held, Heard(NEW, None), was=None)

    def _return(self, token: int, held: Held, seen: Seen, score: Decimal) -> None:
        was = replace(held)
        held.renew(seen, score)
        held.begin_again()
        self._note(token, held, before=None)
        self._tell(token, held, Heard(BACK, was.score), was=was)

    def _compare(self, token: int, held: Held, seen: Seen, score: Decimal) -> None:
        was = replace(held)
        heard = held.read(seen.day, score)
        held.renew(seen, score)
        self._note(token, held, before=was.score)
        if heard.event is not None:
            self._tell(token, held, heard, was=was)

    def _restate(self, held: Held, seen: Seen, score: Decimal) -> None:
        """A grade of a day that has passed: it corrects what rests on that day, if wrong."""
        known = [day for day in held.known if day <= seen.day]
        if known and held.known[max(known)] == score:
            return
        held.known[seen.day] = score
        held.amend(seen.day, score)
        for told, _ in list(held.said.values()):
            rests = told.type in BAND_CHANGES and seen.day in dict(told.confirms)
            if told.day == seen.day or rests:
                self._correct(held, told, seen, score)

    def _correct(self, held: Held, told: Told, seen: Seen, score: Decimal) -> None:
        event, rung = held.would_be(told, seen.day, score)
        band = BANDS[self._kind][rung]
        if told.day in held.corrected:
            if held.corrected[told.day] == rung:
                return
        elif (event, band) == (told.type, told.band):
            return
        held.corrected[told.day] = rung
        self._truth.told.append(
            replace(
                told,
                type=RESTATED,
                symbol=seen.symbol,
                after=score if told.day == seen.day else told.after,
                band=band,
                revises=False,
                at=self._at,
                due=self._due,
                confirms=(),
                flaps=False,
                settles=False,
                corrects=told,
            )
        )

    def _miss(self, view: View, day: date) -> None:
        """Count the absence of those that a whole view lacks; once for each day."""
        rows = view.rows or {}
        for token, held in self._held.items():
            seen = rows.get(token)
            is_asked_for = view.asked is None or token in view.asked
            if held.is_lost or day <= held.day or not is_asked_for:
                continue
            if seen is not None and isinstance(seen.said, Decimal):
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
                gone = replace(
                    self._told(token, held, Heard(LOST, held.score)),
                    day=day, symbol=symbol, after=None, band=None, revises=False,
                )  # fmt: skip
                self._truth.told.append(gone)
                self._truth.readings.append(replace(gone, type=READ))

    def _note(self, token: int, held: Held, *, before: Decimal | None) -> None:
        self._truth.readings.append(self._told(token, held, Heard(READ, before)))

    def _tell(self, token: int, held: Held, heard: Heard, *, was: Held | None) -> None:
        told = self._told(token, held, heard)
        held.told_at_day = True
        held.said[held.day] = told, was
        self._truth.told.append(told)

    def _told(self, token: int, held: Held, heard: Heard) -> Told:
        return Told(
            heard.event or READ,
            self._kind,
            token,
            held.day,
            held.symbol,
            heard.before,
            held.score,
            BANDS[self._kind][held.band],
            revises=held.told_at_day,
            at=self._at,
            due=self._due,
            confirms=heard.confirms,
            flaps=heard.flaps,
            settles=heard.settles,
        )
