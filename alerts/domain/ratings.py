"""Bands, the rating held, and the gate a cycle passes before it is believed."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from alerts.domain.grades import Cycle, Kind, TokenId

# A complete cycle with a smaller share of the last accepted one's tokens is held.
GATE_SHARE_PERCENT: Final = 80
# A token is withdrawn after this many complete cycles without it, over at least this long.
WITHDRAWN_AFTER_CYCLES: Final = 7
WITHDRAWN_AFTER: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Confirm:
    """What a change of band takes beside the margin.

    readings: in a row, of different `as_of`, all past edge and margin.
    sure_margin: hundredths of a point; as far past the edge as this one is enough. None: never.
    """

    readings: int = 1
    sure_margin: int | None = None

    @classmethod
    def of_points(cls, readings: int, sure_margin: float | None) -> Self:
        """With the sure margin in points."""
        return cls(readings, None if sure_margin is None else round(sure_margin * 100))


AT_ONCE: Final = Confirm()


@dataclass(frozen=True, slots=True)
class FlapRule:
    """When a grade flaps, and when it has settled.

    reversals: so many changes of band, each going back on the one before, `within` so long.
    settle: from then on it must hold one band in so many readings in a row before more is told.
    """

    reversals: int
    within: timedelta
    settle: int


@dataclass(frozen=True, slots=True)
class BandPolicy:
    """The ladder of one kind. All numbers are hundredths of a point.

    names: lowest first; a rank is 1 for the lowest. edges: lower edge of each name but the first;
    a score on an edge is in the upper band.
    margin: how far past an edge a score must be before the band held changes.
    move_step: how far a score must go from its anchor to be told without a change of band.
    flap: when a token's band goes to and fro; None: that is not looked for.
    """

    version: int
    names: tuple[str, ...]
    edges: tuple[int, ...]
    margin: int
    move_step: int
    confirm: Confirm = AT_ONCE
    flap: FlapRule | None = None

    @property
    def most_readings(self) -> int:
        """In how many readings in a row a change of band is confirmed at most."""
        settle = 0 if self.flap is None else self.flap.settle
        return max(self.confirm.readings, settle)

    def rank_of(self, score: int) -> int:
        """The rank a score falls on when no band is held yet."""
        return 1 + bisect_right(self.edges, score)

    def rank_held(self, rank: int, score: int) -> int:
        """The rank after `score`, when `rank` is held: it changes only past an edge and margin.

        It then goes no further than it must: to the nearest band that such a score may hold.
        """
        lowest = self.rank_of(score - self.margin)
        highest = self.rank_of(score + self.margin)
        return min(max(rank, lowest), highest)

    def is_sure(self, rank: int, score: int) -> bool:
        """Whether one reading is enough for leaving the band held: see `sure_margin`."""
        sure = self.confirm.sure_margin
        if sure is None:
            return False
        return self.rank_of(score - sure) > rank or self.rank_of(score + sure) < rank

    def name_of(self, rank: int) -> str:
        """The name of a rank, 1 the lowest."""
        return self.names[rank - 1]


FUNDAMENTAL_NAMES: Final = ("High Risk", "Speculative", "Emerging", "Blue Chip", "Store of Value")
TRADER_NAMES: Final = ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy")
DEFAULT_MOVE_STEP: Final = 500
# Why these, and why no confirmation: the table of ARCHITECTURE.md, `python -m tests.bench.noise`.
FLAP: Final = FlapRule(reversals=4, within=timedelta(days=7), settle=3)


def default_policies(
    move_step: int = DEFAULT_MOVE_STEP, confirm: Mapping[Kind, Confirm] = MappingProxyType({})
) -> Mapping[Kind, BandPolicy]:
    """The ladders Gradebell ships. move_step: hundredths of a point."""
    edges = {Kind.FUNDAMENTAL: (4000, 6000, 8000, 9000), Kind.TRADER: (2000, 4000, 6000, 8000)}
    names = {Kind.FUNDAMENTAL: FUNDAMENTAL_NAMES, Kind.TRADER: TRADER_NAMES}
    margins = {Kind.FUNDAMENTAL: 200, Kind.TRADER: 300}
    return MappingProxyType(
        {
            kind: BandPolicy(
                1,
                names[kind],
                edges[kind],
                margins[kind],
                move_step,
                confirm.get(kind, AT_ONCE),
                FLAP,
            )
            for kind in Kind
        }
    )


Components = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Readings in a row that stood past an edge of the band held, and past the margin.

    seen: their (as_of, score), the oldest first, all on the same side, each `as_of` once.
    score, as_of, components: of the reading before them.
    """

    score: int
    as_of: datetime
    components: Components
    seen: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True)
class Swings:
    """How a band went to and fro.

    is_upward: the last change of band. reversals: `as_of` of the changes that each went back on
    the one before, the newest last, as far back as the policy looks.
    flapping_since: of the reversal that made it flap; None where it does not.
    steady: readings in a row, of different `as_of`, that agreed with the band held since.
    """

    is_upward: bool
    reversals: tuple[datetime, ...] = ()
    flapping_since: datetime | None = None
    steady: int = 0


class Rating(NamedTuple):
    """The band held for one token and kind: the one last announced, and the last observation.

    No dataclass, for a frozen one of so many fields takes six times as long to make, and each
    cycle makes one for every token.

    rank: of the band, 1 the lowest. since: `as_of` at which it was taken.
    score, as_of, label, components: the last accepted observation; revision counts the values
    seen at that same `as_of`, 0 the first; event_id: what was announced at it, if anything.
    anchor: the score at the last event. Scores in hundredths of a point.
    pending: the run that the last observation ends, while that is not long enough to be told.
    swings: how its band went to and fro; None where nothing speaks of it.
    slack_up, slack_down: hundredths of a point, 0 to the margin: see `high` and `low`.
    absent_cycles, absent_since, absent_as_of: how many complete cycles in a row lacked it.
    """

    token: TokenId
    rank: int
    since: datetime
    score: int
    as_of: datetime
    anchor: int
    label: str | None = None
    components: Components = ()
    revision: int = 0
    event_id: str | None = None
    pending: Run | None = None
    swings: Swings | None = None
    slack_up: int = 0
    slack_down: int = 0
    absent_cycles: int = 0
    absent_since: datetime | None = None
    absent_as_of: datetime | None = None
    withdrawn: bool = False

    @property
    def is_flapping(self) -> bool:
        """Whether its band goes to and fro, and nothing is told until it settles."""
        return self.swings is not None and self.swings.flapping_since is not None

    @property
    def high(self) -> int:
        """Thresholds up to it were crossed upwards, and the score is not back under the margin."""
        return self.score + self.slack_up

    @property
    def low(self) -> int:
        """Thresholds above it were crossed downwards, and the score is not back past the margin."""
        return self.score - self.slack_down

    def slack_at(self, score: int, margin: int) -> tuple[int, int]:
        """Its `slack_up` and `slack_down` once `score` is its next reading.

        `high` follows a rise at once and a fall only as far as the margin makes it; so `low`, the
        other way round.
        """
        moved = score - self.score
        up, down = self.slack_up - moved, self.slack_down + moved
        # Written out, because this runs for every token of every cycle: `min` and `max` are slow.
        up = 0 if up < 0 else margin if up > margin else up
        down = 0 if down < 0 else margin if down > margin else down
        return up, down


class HoldReason(StrEnum):
    """Why a cycle was not believed."""

    EMPTY = "empty"
    NO_SCORES = "no_scores"
    TOO_FEW_TOKENS = "too_few_tokens"
    FIELD_GONE = "field_gone"


def seal(cycle: Cycle, *, reference: int | None) -> HoldReason | None:
    """Whether a cycle may be diffed: None, or why it is held until a person decides.

    reference: tokens graded in the last accepted complete cycle; None before the first.
    """
    graded = graded_count(cycle)
    if cycle.lacks is not None:
        return HoldReason.FIELD_GONE
    if cycle.grades and not graded:
        return HoldReason.NO_SCORES
    if not cycle.complete:
        return None
    if not graded:
        return HoldReason.EMPTY
    if reference is not None and graded * 100 < reference * GATE_SHARE_PERCENT:
        return HoldReason.TOO_FEW_TOKENS
    return None


def graded_count(cycle: Cycle) -> int:
    """How many tokens of a cycle carry a score."""
    return sum(grade.score is not None for grade in cycle.grades)
