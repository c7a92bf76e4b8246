"""Summing up: a survey as somebody's digest, what matters most first, and all of it counted."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from heapq import nsmallest
from typing import Final

from alerts.domain.digests import Digest, KindDigest, Line, Rung, Section, Window
from alerts.domain.freshness import STALE_AFTER
from alerts.domain.grades import Kind, TokenId
from alerts.domain.surveys import Ladder, Survey
from alerts.domain.weeks import Schedule

DEFAULT_TOP: Final = 5
MOST_TOP: Final = 25


@dataclass(frozen=True, slots=True)
class Wants:
    """What an endpoint's digest is to be of. tokens: None is all.

    watched: tokens that come first among equals. min_notches: of net changes of band.
    top: lines of each section at most.
    """

    kinds: frozenset[Kind] = frozenset(Kind)
    tokens: frozenset[TokenId] | None = None
    watched: frozenset[TokenId] = frozenset()
    min_notches: int = 1
    top: int = DEFAULT_TOP

    def of(self, token: TokenId) -> bool:
        """Whether the digest is about this token."""
        return self.tokens is None or token in self.tokens


class WhenEmpty(StrEnum):
    """What becomes of a week in which nothing changed."""

    SKIP = "skip"
    SAY = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSettings:
    """An endpoint's digest, as its owner set it. The first three are a Schedule's."""

    weekday: int
    hour: int
    time_zone: str
    kinds: frozenset[Kind] = frozenset(Kind)
    tokens: frozenset[TokenId] | None = None
    min_notches: int = 1
    when_empty: WhenEmpty = WhenEmpty.SKIP
    top: int = DEFAULT_TOP

    @property
    def schedule(self) -> Schedule:
        """When it is told."""
        return Schedule(self.weekday, self.hour, self.time_zone)

    def wants(self, watched: Iterable[TokenId]) -> Wants:
        """What it is to be of. watched: tokens that the endpoint names."""
        return Wants(self.kinds, self.tokens, frozenset(watched), self.min_notches, self.top)


def summarise(
    surveys: Iterable[Survey], wants: Wants, *, ends_at: datetime
) -> tuple[KindDigest, ...]:
    """What a window comes to for somebody's wishes, kind by kind.

    ends_at: its end, or now where that is yet to come; what is fresh is judged by it.
    """
    return tuple(
        _kind(found, wants, ends_at=ends_at) for found in surveys if found.kind in wants.kinds
    )


def as_digest(window: Window, kinds: tuple[KindDigest, ...]) -> Digest:
    """A window's digest."""
    return Digest(**asdict(window), kinds=kinds)


def _kind(found: Survey, wants: Wants, *, ends_at: datetime) -> KindDigest:
    ladder, starts = found.ladder, found.starts
    ends = [line for line in found.ends if wants.of(line.token.id)]
    stale = [line for line in ends if _end(line).as_of < ends_at - STALE_AFTER]
    fresh = [line for line in ends if _end(line).as_of >= ends_at - STALE_AFTER]
    now = [_end(line) for line in ends]
    was = [rung for token, rung in (starts or {}).items() if wants.of(token)]
    return KindDigest(
        kind=found.kind,
        bands=ladder.bands,
        tokens=len(ends),
        as_of=max((rung.as_of for rung in now), default=None),
        **_changes(found, wants),
        corrections=_section(
            (line for line in found.corrections if wants.of(line.token.id)), wants, key=_latest
        ),
        # Where none is fresh, their source is late, and not they.
        highest=_section(fresh or ends, wants, key=_highest, is_watched_first=False),
        stale=_section(stale, wants, key=_oldest),
        shares_before=() if starts is None else _shares(ladder, was),
        shares_after=() if starts is None else _shares(ladder, now),
        rebased=found.rebased,
    )


def _changes(found: Survey, wants: Wants) -> dict[str, Section]:
    lines = [line for line in found.nets if wants.of(line.token.id)]
    graded = [line for line in lines if line.before is not None and line.after is not None]
    climbs = [line for line in graded if abs(line.notches) >= wants.min_notches]
    level = [line for line in graded if not line.notches]
    step = found.ladder.move_step
    changes: dict[str, tuple[list[Line], _Key]] = {
        "upgrades": ([line for line in climbs if line.notches > 0], _best),
        "downgrades": ([line for line in climbs if line.notches < 0], _worst),
        "moved": (
            [line for line in level if not line.moves and abs(line.delta or 0) >= step],
            _widest,
        ),
        "returned": ([line for line in level if line.moves], _busiest),
        "initiated": (
            [line for line in lines if line.before is None and line.after is not None],
            _highest,
        ),
        "withdrawn": (
            [line for line in lines if line.before is not None and line.after is None],
            _highest_before,
        ),
    }
    watched = [
        line for told, _ in changes.values() for line in told if line.token.id in wants.watched
    ]
    return {
        **{name: _section(told, wants, key=key) for name, (told, key) in changes.items()},
        # Of these all are told, as far as that goes.
        "watched": _section(watched, replace(wants, top=MOST_TOP), key=_largest),
    }


# What comes first in a section: after it, whoever is watched, and then by name.
_Key = Callable[[Line], tuple[int, int]]


def _section(
    lines: Iterable[Line], wants: Wants, *, key: _Key, is_watched_first: bool = True
) -> Section:
    """The lines in order, watched ones marked, and as many as are wanted; all are counted.

    key: (notches, or 0; then what decides among equals behind the watch-list), lowest first.
    """

    def place(line: Line) -> tuple[int, bool, int, str, str]:
        first, then = key(line)
        is_behind = is_watched_first and not line.watched
        return first, is_behind, then, line.token.symbol.casefold(), line.token.id

    marked = [
        replace(line, watched=True) if line.token.id in wants.watched else line for line in lines
    ]
    # heapq.nsmallest keeps the order of `sorted`, and does not sort what nobody is shown.
    return Section(tuple(nsmallest(wants.top, marked, key=place)), len(marked))


def _largest(line: Line) -> tuple[int, int]:
    return -abs(line.notches), -abs(line.delta or 0)


def _best(line: Line) -> tuple[int, int]:
    return -line.notches, -_end(line).score


def _worst(line: Line) -> tuple[int, int]:
    return line.notches, _end(line).score


def _widest(line: Line) -> tuple[int, int]:
    return 0, -abs(line.delta or 0)


def _busiest(line: Line) -> tuple[int, int]:
    return 0, -line.moves


def _highest(line: Line) -> tuple[int, int]:
    return 0, -_end(line).score


def _highest_before(line: Line) -> tuple[int, int]:
    return 0, -(line.before.score if line.before is not None else 0)


def _oldest(line: Line) -> tuple[int, int]:
    return 0, int(_end(line).as_of.timestamp())


def _latest(line: Line) -> tuple[int, int]:
    return 0, -int(_end(line).as_of.timestamp())


def _end(line: Line) -> Rung:
    if line.after is None:
        raise ValueError(f"{line.token.id} has no grade at the end of the week")
    return line.after


def _shares(ladder: Ladder, rungs: Iterable[Rung]) -> tuple[int, ...]:
    counts = [0] * len(ladder.bands)
    for rung in rungs:
        counts[rung.rank - 1] += 1
    return tuple(counts)
