"""Events: what became of a change, and the bytes that everybody is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self

from alerts.domain.grades import Cycle, Kind, SourceName, TokenId
from alerts.domain.ids import event_id


class EventType(StrEnum):
    """All that Gradebell tells."""

    UPGRADED = "grade.upgraded"
    DOWNGRADED = "grade.downgraded"
    MOVED = "grade.moved"
    CROSSED = "grade.crossed"
    ROSE = "grade.rose"
    FELL = "grade.fell"
    INITIATED = "grade.initiated"
    WITHDRAWN = "grade.withdrawn"
    REINSTATED = "grade.reinstated"
    RESTATED = "grade.restated"
    REBASED = "ratings.rebased"
    DIGEST_WEEKLY = "digest.weekly"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_TEST = "endpoint.test"
    SOURCE_FAILING = "source.failing"
    SOURCE_RECOVERED = "source.recovered"
    CHANNEL_FAILING = "channel.failing"
    CHANNEL_RECOVERED = "channel.recovered"
    CYCLE_HELD = "cycle.held"


# What a subscription may ask for by its name. A restatement goes to those who were told what it
# corrects, what a rule asks for to those who have such a rule.
SUBSCRIBABLE: Final = (
    EventType.UPGRADED,
    EventType.DOWNGRADED,
    EventType.MOVED,
    EventType.INITIATED,
    EventType.WITHDRAWN,
    EventType.REINSTATED,
    EventType.REBASED,
)
# What subscriptions are matched with, in an order that is fixed for ever: their bits in SQL.
MATCHED: Final = (*SUBSCRIBABLE, EventType.CROSSED, EventType.ROSE, EventType.FELL)


# A token's first word, or its first after a silence: a band, and no way there.
BASELINES: Final = frozenset({EventType.INITIATED, EventType.REINSTATED})
BAND_CHANGES: Final = frozenset({EventType.UPGRADED, EventType.DOWNGRADED})
# How far a score went within a window: by the size that a rule names.
WINDOWED: Final = frozenset({EventType.ROSE, EventType.FELL})
# What no type asks for, but a rule.
RULED: Final = WINDOWED | {EventType.CROSSED}


class AudienceKind(StrEnum):
    """Whom an event is for."""

    EVERYONE = "everyone"
    APP = "app"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an event is for; id: of the one app or endpoint."""

    kind: AudienceKind
    id: str | None = None


EVERYONE: Final = Audience(AudienceKind.EVERYONE)


class Crossing(NamedTuple):
    """Where a score went, as thresholds see it; hundredths of a point.

    Crossed are all above the lower end, up to the higher: upwards where `end` is that.
    """

    start: int
    end: int

    @classmethod
    def between(cls, start: int | None, end: int | None) -> Self | None:
        """From one to the other; None where there is none."""
        return None if start is None or end is None else cls(start, end)

    @property
    def is_upward(self) -> bool:
        """Whether the score rose."""
        return self.end > self.start

    def passes(self, threshold: int | None) -> bool:
        """Whether a threshold was crossed; none never is."""
        return threshold is not None and min(self) < threshold <= max(self)


class Window(StrEnum):
    """How far back a move is looked for, and what its size is a number of."""

    DAY_POINTS = "1 points"
    DAY_PERCENT = "1 percent"
    WEEK_POINTS = "7 points"
    WEEK_PERCENT = "7 percent"

    @property
    def days(self) -> int:
        """How many days of 24 hours."""
        return int(self.value.split()[0])

    @property
    def unit(self) -> str:
        """`points`, or `percent` of the score that the move began at."""
        return self.value.split()[1]


class Stretch(NamedTuple):
    """Where a move within a window began: at its lowest score (hundredths), or at its highest."""

    window: Window
    score: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has its number.

    at: its `timestamp`, when it happened (for a grade: its `as_of`).
    notches: bands climbed or fallen, unsigned; None where no band changed.
    size: hundredths of a point for `min_delta`; None where there is nothing to measure.
    crossed: which thresholds a crossing is of, or which sizes of a move within `window`.
    other_score: of the token's other grade as it was held then, in hundredths; None: unknown.
    corrects: id of the event it corrects, whose receivers are its own.
    """

    id: str
    type: EventType
    at: datetime
    audience: Audience
    data: Mapping[str, object]
    source: SourceName | None = None
    kind: Kind | None = None
    token: TokenId | None = None
    notches: int | None = None
    size: int | None = None
    crossed: Crossing | None = None
    window: Window | None = None
    other_score: int | None = None
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class MassMove:
    """How many bands changed in a cycle, of how many graded tokens of its kind."""

    upgraded: int
    downgraded: int
    tokens: int


@dataclass(frozen=True, slots=True)
class CycleView:
    """The cycle that brought an event, as payloads show it. mass_move: None in all but few."""

    id: str
    source: SourceName
    kind: Kind
    as_of: datetime
    mass_move: MassMove | None = None


def encode(draft: Draft, *, sequence: int, recorded_at: datetime) -> bytes:
    """The public payload: UTF-8 JSON, made once and stored."""
    payload = {
        "id": draft.id,
        "type": draft.type.value,
        "timestamp": rfc3339(draft.at),
        "recorded_at": rfc3339(recorded_at),
        "sequence": sequence,
        "data": draft.data,
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def without_data(body: bytes) -> bytes:
    """A public payload whose `data` was taken out, and which says so."""
    payload = json.loads(body) | {"data": {"expunged": True}}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def grade_event_id(
    event_type: EventType,
    cycle: Cycle | CycleView,
    token: TokenId,
    *,
    revision: int,
    more: tuple[str, ...] = (),
) -> str:
    """The id of a grade's event: however often a cycle is run, the same.

    more: what tells two events of one type and reading apart.
    """
    as_of = rfc3339(cycle.as_of)
    parts = (event_type.value, cycle.source, cycle.kind.value, token, as_of, revision)
    return event_id(cycle.as_of, *parts, *more)


def points(hundredths: int | None) -> float | None:
    """Hundredths of a point as a number of points."""
    return None if hundredths is None else hundredths / 100


def rfc3339(moment: datetime) -> str:
    """A time as the API writes it: UTC with Z, fractions only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
