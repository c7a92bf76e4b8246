"""Subscriptions: which events an endpoint wants, and why one did or did not match."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from alerts.domain.events import MATCHED, WINDOWED, Crossing, EventType, Window
from alerts.domain.grades import Kind, TokenId

DEFAULT_TYPES: Final = frozenset({EventType.UPGRADED, EventType.DOWNGRADED})


@dataclass(frozen=True, slots=True)
class Threshold:
    """Scores of a kind that are told when they are crossed: hundredths of a point, or None.

    above: when a score comes to stand on it or above. below: when it comes to stand below.
    """

    kind: Kind
    above: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Sizes of a move of a kind's grades within a window, told when one is that large.

    rise, fall: hundredths of a point, or of a percent, as the window has it; or None.
    """

    kind: Kind
    window: Window
    rise: int | None = None
    fall: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a grade must be for the other one to be told: hundredths of a point, or None.

    kind: of the grade that must be so.
    """

    kind: Kind
    at_least: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What an endpoint's owner asked for.

    tokens: None is all. min_notches: bands, held against changes of band.
    min_delta: hundredths of a point, held against whatever has a size.
    thresholds, windows: told besides the types, at most one a kind, in the order of their kinds.
    given: what holds back all that is told of the other kind, at most one a kind, likewise.
    """

    tokens: tuple[TokenId, ...] | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    types: frozenset[EventType] = DEFAULT_TYPES
    min_notches: int = 1
    min_delta: int = 0
    thresholds: tuple[Threshold, ...] = ()
    given: tuple[Condition, ...] = ()
    windows: tuple[Reach, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row of a filter: one token (None: all) and one kind.

    since_sequence: only events numbered above it match.
    above, below: of its kind's threshold; window, rise, fall: of its kind's reach. types hold what
    they are told by.
    other_at_least, other_below: what the token's grade of the other kind must be.
    """

    token: TokenId | None
    kind: Kind
    types: frozenset[EventType]
    min_notches: int
    min_delta: int
    since_sequence: int
    above: int | None = None
    below: int | None = None
    other_at_least: int | None = None
    other_below: int | None = None
    window: Window | None = None
    rise: int | None = None
    fall: int | None = None

    def crosses(self, event: "EventFacts") -> bool:
        """Whether the rule that an event is of was crossed: a threshold, or the size of a move."""
        crossed = event.crossed
        if crossed is None:
            return False
        if event.window is None:
            return crossed.passes(self.above if crossed.is_upward else self.below)
        named = self.rise if event.type is EventType.ROSE else self.fall
        return event.window is self.window and crossed.passes(named)


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What matching looks at. token and kind: None where the event has none.

    crossed, window: as in a draft. other_score: of the other grade, when it happened; None:
    unknown.
    """

    sequence: int
    type: EventType
    token: TokenId | None
    kind: Kind | None
    notches: int | None
    size: int | None
    crossed: Crossing | None = None
    other_score: int | None = None
    window: Window | None = None


class Miss(StrEnum):
    """Why no subscription matched: what the nearest one failed on."""

    TOKEN = "token"  # noqa: S105 - a word, not a secret.
    KIND = "kind"
    TYPE = "type"
    MIN_NOTCHES = "min_notches"
    MIN_DELTA = "min_delta"
    THRESHOLD = "threshold"
    WINDOW = "window"
    OTHER_GRADE = "other_grade"
    OTHER_UNKNOWN = "other_unknown"
    BEFORE_SUBSCRIPTION = "before_subscription"


# The order in which conditions are held, nearest miss last.
_NEARNESS: Final = tuple(Miss)


def match(event: EventFacts, subscriptions: Iterable[Subscription]) -> Miss | None:
    """None if any subscription wants the event, else what the nearest one failed on."""
    found = find_rule(event, subscriptions)
    return found if isinstance(found, Miss) else None


def find_rule(event: EventFacts, subscriptions: Iterable[Subscription]) -> Subscription | Miss:
    """The first subscription that wants the event, else what the nearest one failed on."""
    nearest = Miss.TOKEN
    for subscription in subscriptions:
        miss = _miss(event, subscription)
        if miss is None:
            return subscription
        nearest = max(nearest, miss, key=_NEARNESS.index)
    return nearest


def rows_of(wanted: Filter, since_sequence: int) -> tuple[Subscription, ...]:
    """A filter as subscriptions, one for each token and kind, in a stable order."""
    tokens = (None,) if wanted.tokens is None else tuple(sorted(set(wanted.tokens)))
    of_kinds = [_row_of(kind, wanted, since_sequence) for kind in sorted(wanted.kinds)]
    return tuple(replace(row, token=token) for token in tokens for row in of_kinds)


def _row_of(kind: Kind, wanted: Filter, since_sequence: int) -> Subscription:
    """A filter's row of a kind, whatever the token."""
    named = next((each for each in wanted.thresholds if each.kind is kind), Threshold(kind))
    other = next((each for each in wanted.given if each.kind is not kind), Condition(kind))
    reach = next((each for each in wanted.windows if each.kind is kind), None)
    return Subscription(
        token=None,
        kind=kind,
        types=wanted.types | _ruled(named, reach),
        min_notches=wanted.min_notches,
        min_delta=wanted.min_delta,
        since_sequence=since_sequence,
        above=named.above,
        below=named.below,
        other_at_least=other.at_least,
        other_below=other.below,
        window=None if reach is None else reach.window,
        rise=None if reach is None else reach.rise,
        fall=None if reach is None else reach.fall,
    )


def _ruled(named: Threshold, reach: Reach | None) -> frozenset[EventType]:
    """The types that these rules are told by."""
    types = set()
    if (named.above, named.below) != (None, None):
        types.add(EventType.CROSSED)
    if reach is not None and reach.rise is not None:
        types.add(EventType.ROSE)
    if reach is not None and reach.fall is not None:
        types.add(EventType.FELL)
    return frozenset(types)


def differing(old: Filter, new: Filter) -> tuple[Filter, Filter]:
    """What of one filter is not of the other: its rows go, and its rows come.

    Where they differ in tokens alone, it is those tokens; else it is all of both.
    """
    if old == new:
        return replace(old, tokens=()), replace(new, tokens=())
    if old.tokens is None or new.tokens is None or replace(old, tokens=new.tokens) != new:
        return old, new
    known, wanted = set(old.tokens), set(new.tokens)
    return (
        replace(old, tokens=tuple(sorted(known - wanted))),
        replace(new, tokens=tuple(sorted(wanted - known))),
    )


def carried_over(
    old: Iterable[Subscription], new: Iterable[Subscription]
) -> tuple[Subscription, ...]:
    """The new rows; one that asks for no more than an old one keeps that one's `since_sequence`."""
    known: dict[tuple[TokenId | None, Kind], list[Subscription]] = {}
    for row in old:
        known.setdefault((row.token, row.kind), []).append(row)
    kept = []
    for row in new:
        near = (*known.get((row.token, row.kind), ()), *known.get((None, row.kind), ()))
        starts = [other.since_sequence for other in near if _covers(other, row)]
        since = min(starts, default=row.since_sequence)
        kept.append(row if since == row.since_sequence else replace(row, since_sequence=since))
    return tuple(kept)


def type_mask(types: Iterable[EventType]) -> int:
    """Types as bits, for SQL; the order of MATCHED is fixed for ever."""
    return sum(1 << MATCHED.index(event_type) for event_type in set(types))


def types_of_mask(mask: int) -> frozenset[EventType]:
    """The types of `type_mask`."""
    return frozenset(t for bit, t in enumerate(MATCHED) if mask >> bit & 1)


def _miss(event: EventFacts, wanted: Subscription) -> Miss | None:
    if None not in (wanted.token, event.token) and wanted.token != event.token:
        return Miss.TOKEN
    if event.kind is not None and wanted.kind is not event.kind:
        return Miss.KIND
    if event.crossed is not None and not wanted.crosses(event):
        return Miss.WINDOW if event.type in WINDOWED else Miss.THRESHOLD
    if event.type not in wanted.types:
        return Miss.TYPE
    if event.notches is not None and event.notches < wanted.min_notches:
        return Miss.MIN_NOTCHES
    if event.size is not None and event.size < wanted.min_delta:
        return Miss.MIN_DELTA
    if event.sequence <= wanted.since_sequence:
        return _other_miss(event, wanted) or Miss.BEFORE_SUBSCRIPTION
    return _other_miss(event, wanted)


def _other_miss(event: EventFacts, wanted: Subscription) -> Miss | None:
    """What the other grade fails on: of one that is unknown it is unknown, too."""
    score, at_least, below = event.other_score, wanted.other_at_least, wanted.other_below
    if event.token is None or (at_least is None and below is None):
        return None
    if score is None:
        return Miss.OTHER_UNKNOWN
    is_so = (at_least is None or score >= at_least) and (below is None or score < below)
    return None if is_so else Miss.OTHER_GRADE


def _covers(old: Subscription, new: Subscription) -> bool:
    return (
        old.token in (None, new.token)
        and old.kind is new.kind
        and old.types >= new.types
        and old.min_notches <= new.min_notches
        and old.min_delta <= new.min_delta
        and new.above in (None, old.above)
        and new.below in (None, old.below)
        and new.window in (None, old.window)
        and new.rise in (None, old.rise)
        and new.fall in (None, old.fall)
        and _asks_no_more(old, new)
    )


def _asks_no_more(old: Subscription, new: Subscription) -> bool:
    """Whether wherever the other grade is as `new` asks, it is as `old` does."""
    low, high = old.other_at_least, old.other_below
    return (low is None or (new.other_at_least is not None and new.other_at_least >= low)) and (
        high is None or (new.other_below is not None and new.other_below <= high)
    )
