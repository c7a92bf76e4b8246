"""What rules of somebody's own tell of all that was read: by a mark for each of them and token."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from tests.truth.ladder import MARGIN
from tests.truth.told import CROSSED, FELL, ROSE, Told

Points = Mapping[str, Decimal]
# What a token of a kind is named by.
Whose = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Window:
    """How far a score must go within 1 day or 7. unit: of `rise` and `fall`, points or percent."""

    days: int
    unit: str
    rise: Decimal
    fall: Decimal

    def size(self, score: Decimal, start: Decimal, *, is_rise: bool) -> Decimal:
        """How far a score is from where it began, in that direction."""
        points = score - start if is_rise else start - score
        return points if self.unit == "points" else points * 100 / start


def crossings(above: Points, below: Points, readings: Iterable[Told]) -> Iterator[Told]:
    """What went past a score. above, below: by kind, upwards and downwards."""
    marks: dict[tuple[str, Whose], bool] = {}
    for read in readings:
        for way, named in (("up", above), ("down", below)):
            score = named.get(read.kind)
            if score is None or read.after is None:
                continue
            mark = way, (read.kind, read.token)
            margin = MARGIN[read.kind]
            if way == "up":
                is_past, is_near = read.after >= score, read.after >= score - margin
            else:
                is_past, is_near = read.after < score, read.after < score + margin
            if read.before is None:
                marks[mark] = is_past
                continue
            if is_past and not marks[mark]:
                yield replace(read, type=CROSSED, crossed=(way, score))
            marks[mark] = is_past or (marks[mark] and is_near)


@dataclass(slots=True)
class _Way:
    """All scores of a token since its last silence. held: from a day until another, what it was.

    today: all that it was on `day`. marks: whether a rise, or a fall, was told.
    """

    day: date
    today: list[Decimal]
    held: list[tuple[date, Decimal]] = field(default_factory=list)
    marks: dict[bool, bool] = field(default_factory=lambda: {True: False, False: False})

    def go_on(self, day: date) -> None:
        """Another day has come: of the one before it its last score stays."""
        if day != self.day:
            self.held.append((day, self.today[-1]))
            self.day, self.today = day, self.today[-1:]

    def start(self, days: int, *, is_rise: bool) -> Decimal:
        """The lowest of what was held in the days before now, and is now; of a fall the highest."""
        since = self.day - timedelta(days=days)
        seen = [score for until, score in self.held if until > since] + self.today
        return min(seen) if is_rise else max(seen)


def moves(windows: Mapping[str, Window], readings: Iterable[Told]) -> Iterator[Told]:
    """What went so far within a window. windows: by kind."""
    ways: dict[Whose, _Way] = {}
    for read in readings:
        window, whose = windows.get(read.kind), (read.kind, read.token)
        if window is None or read.after is None:
            continue
        if read.before is None:
            ways[whose] = _Way(read.day, [read.after])
            continue
        way, margin = ways[whose], MARGIN[read.kind]
        way.go_on(read.day)
        for is_rise, most in ((True, window.rise), (False, window.fall)):
            # What was merely held tells nothing, but the way to it may be shorter by now.
            waned = window.size(
                way.today[-1], way.start(window.days, is_rise=is_rise), is_rise=is_rise
            )
            way.marks[is_rise] &= waned >= most - margin
        way.today.append(read.after)
        for is_rise, most in ((True, window.rise), (False, window.fall)):
            start = way.start(window.days, is_rise=is_rise)
            size = window.size(read.after, start, is_rise=is_rise)
            if size >= most and not way.marks[is_rise]:
                crossed = (f"{window.days} {window.unit}", most, start)
                yield replace(read, type=ROSE if is_rise else FELL, crossed=crossed)
            way.marks[is_rise] = size >= most or (way.marks[is_rise] and size >= most - margin)
