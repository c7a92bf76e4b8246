"""Subscriptions: which events an endpoint wants, and why one did or did not match."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from alerts.domain.events import SUBSCRIBABLE, EventType
from alerts.domain.grades import Kind, TokenId

DEFAULT_TYPES: Final = frozenset({EventType.UPGRADED, EventType.DOWNGRADED})


@dataclass(frozen=True, slots=True)
class Filter:
    """What an endpoint's owner asked for.

    tokens: None is all. min_notches: bands, held against changes of band.
    min_delta: hundredths of a point, held against whatever has a size.
    """

    tokens: tuple[TokenId, ...] | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    types: frozenset[EventType] = DEFAULT_TYPES
    min_notches: int = 1
    min_delta: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row of a filter: one token (None: all) and one kind.

    since_sequence: only events numbered above it match.
    """

    token: TokenId | None
    kind: Kind
    types: frozenset[EventType]
    min_notches: int
    min_delta: int
    since_sequence: int


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What matching looks at. token and kind: None where the event has none."""

    sequence: int
    type: EventType
    token: TokenId | None
    kind: Kind | None
    notches: int | None
    size: int | None


class Miss(StrEnum):
    """Why no subscription matched: what the nearest one failed on."""

    TOKEN = "token"  # noqa: S105 - a word, not a secret.
    KIND = "kind"
    TYPE = "type"
    MIN_NOTCHES = "min_notches"
    MIN_DELTA = "min_delta"
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
    return tuple(
        Subscription(
            token, kind, wanted.types, wanted.min_notches, wanted.min_delta, since_sequence
        )
        for token in tokens
        for kind in sorted(wanted.kinds)
    )


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
        kept.append(
            Subscription(row.token, row.kind, row.types, row.min_notches, row.min_delta, since)
        )
    return tuple(kept)


def type_mask(types: Iterable[EventType]) -> int:
    """Types as bits, for SQL; the order of SUBSCRIBABLE is fixed for ever."""
    return sum(1 << SUBSCRIBABLE.index(event_type) for event_type in set(types))


def types_of_mask(mask: int) -> frozenset[EventType]:
    """The types of `type_mask`."""
    return frozenset(t for bit, t in enumerate(SUBSCRIBABLE) if mask >> bit & 1)


def _miss(event: EventFacts, wanted: Subscription) -> Miss | None:
    if None not in (wanted.token, event.token) and wanted.token != event.token:
        return Miss.TOKEN
    if event.kind is not None and wanted.kind is not event.kind:
        return Miss.KIND
    if event.type not in wanted.types:
        return Miss.TYPE
    if event.notches is not None and event.notches < wanted.min_notches:
        return Miss.MIN_NOTCHES
    if event.size is not None and event.size < wanted.min_delta:
        return Miss.MIN_DELTA
    if event.sequence <= wanted.since_sequence:
        return Miss.BEFORE_SUBSCRIPTION
    return None


def _covers(old: Subscription, new: Subscription) -> bool:
    return (
        old.token in (None, new.token)
        and old.kind is new.kind
        and old.types >= new.types
        and old.min_notches <= new.min_notches
        and old.min_delta <= new.min_delta
    )
