"""What is held of a token, and what a reading of it is told as: the rules written out again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.truth.ladder import Ladder
from tests.truth.told import DOWN, MOVED, UP, Told
from tests.truth.views import Seen

# What noise is. A band that has gone back on itself so often within so many days flaps: then
# nothing is told until it holds for so many days. To be changed here alone.
FLAP_REVERSALS, FLAP_WITHIN, SETTLED = 4, timedelta(days=7), 3
MOVE = 5
GATE = Decimal("0.8")
WITHDRAWN_CYCLES, WITHDRAWN_SPAN = 7, timedelta(hours=72)


class Heard(NamedTuple):
    """What a reading is told as (None: nothing), from which score, and on which days it rests.

    flaps, settles: whether from now on, or until now, its band goes to and fro.
    """

    event: str | None
    before: Decimal | None
    confirms: tuple[tuple[date, Decimal], ...] = ()
    flaps: bool = False
    settles: bool = False


@dataclass(slots=True)
class Held:
    """The rating of one token. known: by day. said: what was told at a day, and held before.

    away: the days in a row on which it was out of its band to one side, with their scores; they
    began at `before_away`. steady: the days in a row on which what flaps was in its band.
    """

    ladder: Ladder
    band: int
    score: Decimal
    anchor: Decimal
    day: date
    symbol: str
    told_at_day: bool = False
    goes_up: bool | None = None
    reversals: tuple[date, ...] = ()
    is_flapping: bool = False
    steady: frozenset[date] = frozenset()
    away: Mapping[date, Decimal] = field(default_factory=dict)
    is_away_up: bool = False
    before_away: Decimal | None = None
    absent: int = 0
    absent_since: date | None = None
    absent_day: date | None = None
    is_lost: bool = False
    known: dict[date, Decimal] = field(default_factory=dict)
    said: dict[date, tuple[Told, "Held | None"]] = field(default_factory=dict)
    corrected: dict[date, int] = field(default_factory=dict)

    def renew(self, seen: Seen, score: Decimal) -> None:
        """Take a reading for the newest; it ends an absence."""
        if seen.day != self.day:
            self.told_at_day = False
        self.score, self.day, self.symbol = score, seen.day, seen.symbol
        self.known[seen.day] = score
        self.absent, self.absent_since, self.absent_day = 0, None, None

    def begin_again(self) -> None:
        """After a silence its newest score is a first one."""
        self.band, self.anchor = self.ladder.rung_of(self.score), self.score
        self.is_lost, self.is_flapping = False, False
        self.goes_up, self.reversals, self.steady, self.away = None, (), frozenset(), {}

    def read(self, day: date, score: Decimal) -> Heard:
        """What a reading that is the newest is told as; until `renew` it is not held yet."""
        did_flap = self.is_flapping
        rung = self.ladder.rung_after(self.band, score)
        heard = self._stay(day, score) if rung == self.band else self._leave(day, score, rung)
        if heard.event is None:
            return heard
        self.anchor = score
        return heard._replace(flaps=self.is_flapping, settles=did_flap)

    def amend(self, day: date, score: Decimal) -> None:
        """A day that has passed was another one: what it took part in is as if it had been so."""
        if day not in self.away:
            return
        rung = self.ladder.rung_after(self.band, score)
        if rung != self.band and (rung > self.band) is self.is_away_up:
            self.away = {**self.away, day: score}
        else:
            self.away = {later: said for later, said in self.away.items() if later > day}
            self.before_away = score

    def would_be(self, told: Told, day: date, score: Decimal) -> tuple[str | None, int]:
        """What an event of its would have been, had a day been otherwise: its type, its rung."""
        was = self.said[told.day][1]
        if was is None or was.is_lost or told.after is None:
            return told.type, self.ladder.rung_of(score)
        again = replace(was)
        again.amend(day, score)
        heard = again.read(told.day, score if day == told.day else told.after)
        return heard.event, again.band

    def _stay(self, day: date, score: Decimal) -> Heard:
        """It is in its band: told if it went far, and if it does not flap any more."""
        self.away = {}
        if self.is_flapping:
            self.steady |= {day}
            if len(self.steady) < SETTLED:
                return Heard(None, self.score)
            self.is_flapping, self.reversals = False, ()
        return Heard(MOVED if abs(score - self.anchor) >= MOVE else None, self.score)

    def _leave(self, day: date, score: Decimal, rung: int) -> Heard:
        """It is out of its band: told when that has lasted, or is far enough."""
        is_up = rung > self.band
        if not self.away or is_up is not self.is_away_up:
            self.away, self.before_away, self.is_away_up = {}, self.score, is_up
        self.away, self.steady = {**self.away, day: score}, frozenset()
        days = max(self.ladder.days, SETTLED) if self.is_flapping else self.ladder.days
        is_sure = not self.is_flapping and self.ladder.is_sure(self.band, score)
        if len(self.away) < days and not is_sure:
            return Heard(None, self.score)
        earlier = tuple((each, said) for each, said in self.away.items() if each != day)
        self.band, self.away = rung, {}
        self._swing(day, is_up=is_up)
        return Heard(UP if is_up else DOWN, self.before_away, earlier)

    def _swing(self, day: date, *, is_up: bool) -> None:
        """A change of band: whether it is one too many to and fro."""
        if self.is_flapping:
            self.is_flapping, self.reversals, self.goes_up = False, (), is_up
            return
        recent = tuple(each for each in self.reversals if day - each < FLAP_WITHIN)
        is_reversal = self.goes_up is not None and self.goes_up is not is_up
        self.reversals = (*recent, day) if is_reversal else recent
        self.goes_up = is_up
        self.is_flapping = len(self.reversals) >= FLAP_REVERSALS
