"""Windows: how far a score rose above the lowest, or fell below the highest, of a day or of seven.

A rule of so many points, or percent, is told once when a reading takes the score that far, and
again only after the move within the window was smaller by more than the margin. As with
thresholds, one number says that of all rules of a window and direction at once: a mark, which
follows the size of the move up at once, and down only as far as the margin makes it. A reading
that lifts a mark from a to b is told to the rules in (a, b].

A score is held from its reading to the next one that differs, so the lowest of a window is that of
what was held in any moment of it. Of the values that one `as_of` had the last one stays, the
others count until the next `as_of`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from alerts.domain.changes import Change
from alerts.domain.events import (
    Crossing,
    CycleView,
    EventType,
    Stretch,
    Window,
    grade_event_id,
)
from alerts.domain.grades import Cycle, TokenId
from alerts.domain.ratings import Rating

LONGEST: Final = timedelta(days=7)
# In hundredths of a percent: of a score of 0, any rise is more than can be said.
MOST_PERCENT: Final = 100_000
# The marks of a track: (window, whether it is of rises).
_MARKED: Final = tuple((window, is_upward) for window in Window for is_upward in (True, False))


class _Turn(NamedTuple):
    """A length of window and a direction, and the places of their marks: in points, in percent."""

    length: timedelta
    is_upward: bool
    places: tuple[int, int]


_TURNS: Final = tuple(
    _Turn(
        timedelta(days=points.days),
        is_upward,
        (_MARKED.index((points, is_upward)), _MARKED.index((percent, is_upward))),
    )
    for points, percent in (
        (Window.DAY_POINTS, Window.DAY_PERCENT),
        (Window.WEEK_POINTS, Window.WEEK_PERCENT),
    )
    for is_upward in (True, False)
)


class Reading(NamedTuple):
    """A line of a token's history. score: hundredths of a point."""

    as_of: datetime
    revision: int
    score: int


class Held(NamedTuple):
    """A score that was held from `since` to `until`, when another came."""

    until: datetime
    since: datetime
    score: int


@dataclass(frozen=True, slots=True)
class Track:
    """How far a score went lately, as of its last reading that differed.

    least, most: of the values that this `as_of` had. lows: of what was held within the longest
    window before it, whatever was lower than all that followed, ascending; highs: likewise.
    marks: hundredths of a point or of a percent, one for each window and direction.
    """

    reading: Reading
    least: int
    most: int
    lows: tuple[Held, ...] = ()
    highs: tuple[Held, ...] = ()
    marks: tuple[int, ...] = (0,) * len(_MARKED)


@dataclass(frozen=True, slots=True)
class Passage:
    """A mark that a reading lifted: past which sizes, and where the move began."""

    is_upward: bool
    crossed: Crossing
    stretch: Stretch


def begun(reading: Reading) -> Track:
    """The track of a token that was not graded before, or after a silence."""
    return Track(reading, reading.score, reading.score)


def advanced(track: Track, reading: Reading, *, margin: int) -> tuple[Track, list[Passage]]:
    """The track after a reading that differs from the one before, and the marks it lifted."""
    last, at, score = track.reading, reading.as_of, reading.score
    lows, highs = track.lows, track.highs
    least, most = min(track.least, score), max(track.most, score)
    if at > last.as_of:
        held = Held(at, last.as_of, last.score)
        oldest = at - LONGEST
        lows = (*(low for low in lows if low.score < held.score and low.until > oldest), held)
        highs = (*(high for high in highs if high.score > held.score and high.until > oldest), held)
        least = most = score
    marks, passages = list(track.marks), []
    for turn in _TURNS:
        is_upward = turn.is_upward
        now = Held(at, at, least if is_upward else most)
        start = _start(lows if is_upward else highs, now, at - turn.length, is_upward=is_upward)
        sizes = _sizes(start.score, score, is_upward=is_upward)
        # Meanwhile some of the window has passed, and nothing has moved.
        waned = _sizes(start.score, last.score, is_upward=is_upward)
        for place, size, rest in zip(turn.places, sizes, waned, strict=True):
            mark = min(marks[place], max(rest, 0) + margin)
            if size > mark:
                stretch = Stretch(_MARKED[place][0], start.score, start.since)
                passages.append(Passage(is_upward, Crossing(mark, size), stretch))
            marks[place] = max(size, min(mark, size + margin))
    return Track(reading, least, most, lows, highs, tuple(marks)), passages


def _start(ends: Sequence[Held], now: Held, after: datetime, *, is_upward: bool) -> Held:
    """The lowest (for a fall: the highest) of what was held after a time, and is now."""
    for held in ends:
        if held.until > after:
            is_farther = held.score <= now.score if is_upward else held.score >= now.score
            return held if is_farther else now
    return now


def _sizes(start: int, score: int, *, is_upward: bool) -> tuple[int, int]:
    """How far a score is from where it began, in hundredths of a point, and of a percent."""
    points = score - start if is_upward else start - score
    if points <= 0:
        return points, points
    return points, min(MOST_PERCENT, points * 10_000 // start) if start else MOST_PERCENT


# The sizes that are named for a token, or for all, by window and direction: each ascending.
Sizes = Mapping[tuple[Window, bool], Sequence[int]]
# What a reading came to: the rating before it, the one after it, and a mark that it lifted.
Moved = tuple[Rating, Rating, Passage]


def passed(
    moved: Iterable[Moved], named: Mapping[TokenId | None, Sizes], cycle: Cycle | CycleView
) -> tuple[Change, ...]:
    """The changes to tell of some moves: those past a size that anybody named. None: for all."""
    return tuple(
        _change(before, after, passage, cycle=cycle)
        for before, after, passage in moved
        if any(_passes(passage, named.get(whose, {})) for whose in (None, after.token))
    )


def _passes(passage: Passage, named: Sizes) -> bool:
    sizes = named.get((passage.stretch.window, passage.is_upward), ())
    place = bisect_right(sizes, passage.crossed.start)
    return place < len(sizes) and passage.crossed.passes(sizes[place])


def _change(before: Rating, after: Rating, passage: Passage, *, cycle: Cycle | CycleView) -> Change:
    event_type = EventType.ROSE if passage.is_upward else EventType.FELL
    return Change(
        id=grade_event_id(
            event_type,
            cycle,
            after.token,
            revision=after.revision,
            more=(passage.stretch.window.value,),
        ),
        type=event_type,
        token=after.token,
        before=before,
        after=after,
        revises=before.event_id if before.as_of == after.as_of else None,
        crossed=passage.crossed,
        stretch=passage.stretch,
    )
