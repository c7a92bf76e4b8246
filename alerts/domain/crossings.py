"""Crossings: a score that goes past a threshold somebody named, however small the step.

A threshold is crossed upwards when the score comes to stand on it or above, downwards when it comes
to stand below; and again only after it was on the other side by more than the margin. Two numbers
for each rating say that of all thresholds at once, for each of them trails the score by no more
than the margin: `high` falls only when the score is below it by more, `low` rises only when it is
above it by more. What `high` climbs past is crossed upwards, what `low` falls past downwards.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.domain.changes import Change
from alerts.domain.events import Crossing, CycleView, EventType, grade_event_id
from alerts.domain.grades import Cycle, TokenId
from alerts.domain.ratings import Rating


def crossing(before: Rating | None, after: Rating) -> Crossing | None:
    """Which thresholds a reading crossed, if any may be; a first one, or one after a silence, none.

    One reading crosses in one direction.
    """
    if before is None or before.withdrawn or after.withdrawn:
        return None
    if after.high > before.high:
        return Crossing(before.high, after.high)
    if after.low < before.low:
        return Crossing(before.low, after.low)
    return None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Those that are named for one token, or for all: hundredths of a point, each list ascending.

    above: to be told when the score rises past them. below: when it falls.
    """

    above: Sequence[int] = ()
    below: Sequence[int] = ()

    def any_of(self, crossed: Crossing) -> bool:
        """Whether any of them was crossed in its direction."""
        named = self.above if crossed.is_upward else self.below
        place = bisect_right(named, min(crossed))
        return place < len(named) and crossed.passes(named[place])


# What a reading crossed: the rating before it, the one after it, and how far that went.
Move = tuple[Rating, Rating, Crossing]


def moves(ratings: Mapping[TokenId, Rating], held: Iterable[Rating]) -> list[Move]:
    """All that went anywhere as thresholds see it. ratings: before; held: of these, after."""
    found = []
    for after in held:
        before = ratings.get(after.token)
        went = crossing(before, after)
        if before is not None and went is not None:
            found.append((before, after, went))
    return found


def crossed(
    moved: Iterable[Move], named: Mapping[TokenId | None, Thresholds], cycle: Cycle | CycleView
) -> tuple[Change, ...]:
    """The changes to tell of some moves: those past what anybody named. named: None is for all."""
    of_all = named.get(None, Thresholds())
    return tuple(
        Change(
            id=grade_event_id(EventType.CROSSED, cycle, after.token, revision=after.revision),
            type=EventType.CROSSED,
            token=after.token,
            before=before,
            after=after,
            revises=before.event_id if before.as_of == after.as_of else None,
            crossed=went,
        )
        for before, after, went in moved
        if of_all.any_of(went) or named.get(after.token, Thresholds()).any_of(went)
    )
