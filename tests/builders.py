"""Small builders of domain values, for every test: say what matters, the rest is there."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from alerts.domain.events import Crossing, CycleView, EventType, Window
from alerts.domain.grades import Cycle, Grade, Kind, SourceName, TokenId, read_hundredths
from alerts.domain.payloads import TokenView
from alerts.domain.ratings import BandPolicy, Rating, default_policies
from alerts.domain.subscriptions import DEFAULT_TYPES, EventFacts, Reach, Subscription

SOURCE = SourceName("demo")
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
FUNDAMENTAL: BandPolicy = default_policies()[Kind.FUNDAMENTAL]
TRADER: BandPolicy = default_policies()[Kind.TRADER]

Points = float | str | None


def day(number: float) -> datetime:
    """Midnight UTC of a day, 0 the first; halves are noon."""
    return FIRST_DAY + timedelta(days=number)


def hundredths(points: Points) -> int | None:
    return read_hundredths(points, field="points")


def token(number: int | str = 1) -> TokenId:
    return TokenId(f"{SOURCE}:{number}")


def grade(
    number: int | str = 1,
    score: Points = 50,
    *,
    label: str | None = None,
    components: Mapping[str, Points] | None = None,
) -> Grade:
    """A grade. score and components: points."""
    parts = ((name, hundredths(points)) for name, points in (components or {}).items())
    return Grade(
        token=token(number),
        symbol=f"T{number}",
        name=f"Token {number}",
        score=hundredths(score),
        label=label,
        components=tuple(sorted(parts)),
    )


def cycle(
    grades: Mapping[int, Points] | Iterable[Grade] = (),
    *,
    at: datetime = FIRST_DAY,
    complete: bool = True,
    kind: Kind = Kind.TRADER,
) -> Cycle:
    """A cycle of grades, or of scores (points) by token number."""
    if isinstance(grades, Mapping):
        grades = [grade(number, score) for number, score in grades.items()]
    return Cycle(SOURCE, kind, at, complete, tuple(grades))


def rating(
    rank: int,
    score: float = 50,
    *,
    number: int = 1,
    as_of: datetime = FIRST_DAY,
    since: datetime | None = None,
    anchor: float | None = None,
    components: Mapping[str, Points] | None = None,
) -> Rating:
    """A rating held. score and anchor: points; the anchor is the score unless said."""
    seen = grade(number, score, components=components)
    return Rating(
        token=seen.token,
        rank=rank,
        since=as_of if since is None else since,
        score=round(score * 100),
        as_of=as_of,
        anchor=round((score if anchor is None else anchor) * 100),
        components=seen.components,
    )


def token_view(number: int = 1, *, url: str | None = None) -> TokenView:
    return TokenView(token(number), f"T{number}", f"Token {number}", url)


def cycle_view(of: Cycle) -> CycleView:
    return CycleView("cyc_" + "0" * 26, of.source, of.kind, of.as_of)


def subscription(
    number: int | None = None,
    *,
    kind: Kind = Kind.TRADER,
    types: Iterable[EventType] = DEFAULT_TYPES,
    min_notches: int = 1,
    min_delta: float = 0,
    since_sequence: int = 0,
    above: float | None = None,
    below: float | None = None,
    other: tuple[float | None, float | None] = (None, None),
    reach: Reach | None = None,
) -> Subscription:
    """A subscription to one token, or to all. min_delta, above, below and other: points.

    other: what the other grade must be at least, and below. reach: its kind is of no matter.
    """
    at_least, less = (None if end is None else round(end * 100) for end in other)
    wanted = None if number is None else token(number)
    size = round(min_delta * 100)
    return Subscription(
        token=wanted,
        kind=kind,
        types=frozenset(types),
        min_notches=min_notches,
        min_delta=size,
        since_sequence=since_sequence,
        above=None if above is None else round(above * 100),
        below=None if below is None else round(below * 100),
        other_at_least=at_least,
        other_below=less,
        window=None if reach is None else reach.window,
        rise=None if reach is None else reach.rise,
        fall=None if reach is None else reach.fall,
    )


def facts(
    number: int | None = 1,
    *,
    type: EventType = EventType.UPGRADED,  # noqa: A002 - the word the domain uses.
    kind: Kind | None = Kind.TRADER,
    notches: int | None = 1,
    size: float | None = 10,
    sequence: int = 1,
    crossed: tuple[float, float] | None = None,
    other: float | None = None,
    window: Window | None = None,
) -> EventFacts:
    """What matching looks at. size, crossed and other: points."""
    wanted = None if number is None else token(number)
    moved = None if size is None else round(size * 100)
    went = None if crossed is None else Crossing(*(round(end * 100) for end in crossed))
    return EventFacts(sequence, type, wanted, kind, notches, moved, went, hundredths(other), window)
