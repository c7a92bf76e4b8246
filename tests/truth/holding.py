"""The rules of rating, written out again: bands, margins, noise, and what is held of a token."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.truth.told import Told
from tests.truth.views import Seen

BANDS = {
    "trader": ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy"),
    "fundamental": ("High Risk", "Speculative", "Emerging", "Blue Chip", "Store of Value"),
}
EDGES = {"trader": (20, 40, 60, 80), "fundamental": (40, 60, 80, 90)}
# What noise is. Past an edge by the margin; and a band that has gone back on itself so often
# within so many days flaps: then nothing is told until it holds for so many days. To be changed
# here alone.
MARGIN = {"trader": 3, "fundamental": 2}
FLAP_REVERSALS, FLAP_WITHIN, SETTLED = 4, timedelta(days=7), 3
MOVE = 5
GATE = Decimal("0.8")
WITHDRAWN_CYCLES, WITHDRAWN_SPAN = 7, timedelta(hours=72)


@dataclass(slots=True)
class Held:
    """The rating of one token. said: what was told at `day`, if anything. known: by day."""

    band: int
    score: Decimal
    anchor: Decimal
    day: date
    symbol: str
    told_at_day: bool = False
    goes_up: bool | None = None
    reversals: tuple[date, ...] = ()
    is_flapping: bool = False
    steady: set[date] = field(default_factory=set)
    away: dict[date, bool] = field(default_factory=dict)
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

    def swing(self, *, goes_up: bool) -> None:
        """A change of band: whether it is one too many to and fro."""
        recent = tuple(day for day in self.reversals if self.day - day < FLAP_WITHIN)
        is_reversal = self.goes_up is not None and self.goes_up is not goes_up
        self.reversals = (*recent, self.day) if is_reversal else recent
        self.goes_up = goes_up
        self.is_flapping = len(self.reversals) >= FLAP_REVERSALS
        self.steady, self.away = set(), {}


def band_after(kind: str, held: int, score: Decimal) -> int:
    """The rung (0 the lowest) after `score` when `held` is held, step by step."""
    edges, margin = EDGES[kind], MARGIN[kind]
    rung = held
    while rung < len(edges) and score >= edges[rung] + margin:
        rung += 1
    if rung > held:
        return rung
    while rung > 0 and score < edges[rung - 1] - margin:
        rung -= 1
    return rung
