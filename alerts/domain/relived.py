"""Relived: what thresholds and windows would have told of a grade's history, had they been named.

They leave no events where nobody names them, so for a filter that is only thought of they are made
of the history, by the code that makes them of a cycle. The bands that they show are those of
today's ladder.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from alerts.domain.changes import Change
from alerts.domain.crossings import Thresholds, crossed, moves
from alerts.domain.events import CycleView, Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ratings import BandPolicy, Components, Rating
from alerts.domain.subscriptions import Filter
from alerts.domain.verdicts import verdict
from alerts.domain.windows import Reading, Sizes, advanced, begun, passed


class Line(NamedTuple):
    """A line of a grade's history. score: hundredths of a point."""

    as_of: datetime
    revision: int
    score: int
    components: Components
    cycle_id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What a filter names of one kind beside types."""

    thresholds: Thresholds | None
    sizes: Sizes

    @classmethod
    def of(cls, wanted: Filter, kind: Kind) -> "Rules | None":
        """A filter's; None where it names nothing of this kind."""
        thresholds: Thresholds | None = None
        sizes: dict[tuple[Window, bool], list[int]] = {}
        for named in wanted.thresholds:
            if named.kind is kind:
                ends = ([] if end is None else [end] for end in (named.above, named.below))
                thresholds = Thresholds(*ends)
        for reach in wanted.windows:
            if reach.kind is kind:
                both = ((reach.rise, True), (reach.fall, False))
                sizes |= {(reach.window, up): [size] for size, up in both if size is not None}
        return cls(thresholds, sizes) if thresholds or sizes else None


def heard(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines that moved a rating, in the order in which they did.

    What came late is left out: it is older than what was known, or its cycle wrote two lines, for
    what held before holds again after it. Where the history begins with that, it begins there.
    """
    every = sorted(lines, key=lambda line: (line.recorded_at, line.as_of, line.revision))
    often = Counter(line.cycle_id for line in every)
    seen: Counter[str] = Counter()
    newest = None
    for line in every:
        seen[line.cycle_id] += 1
        if seen[line.cycle_id] < often[line.cycle_id]:
            continue
        if newest is None or (often[line.cycle_id] == 1 and line.as_of >= newest):
            newest = line.as_of
            yield line


def relive(
    token: TokenId,
    lines: Sequence[Line],
    *,
    rules: Rules,
    policy: BandPolicy,
    cycle_of: Callable[[Line], CycleView],
    anew: Collection[datetime],
) -> Iterator[tuple[Change, Line]]:
    """What the rules tell of one grade's history, each with the line that it is told of.

    lines: as `heard`; the first is where it begins, of which nothing is told. anew: each `as_of` at
    which the grade was back after a silence; no line is of it where it was back as it had been.
    """
    before: Rating | None = None
    for place, line in enumerate(lines):
        reading = Reading(line.as_of, line.revision, line.score)
        back = [at for at in anew if before is not None and before.as_of < at <= line.as_of]
        if before is None or line.as_of in back:
            before, track = _begun(token, line, policy), begun(reading)
            continue
        if back:
            before = _begun(token, lines[place - 1]._replace(as_of=max(back)), policy)
        after, cycle = _after(before, line, policy), cycle_of(line)
        found: tuple[Change, ...] = ()
        if rules.thresholds is not None:
            found = crossed(moves({token: before}, [after]), {None: rules.thresholds}, cycle)
        if rules.sizes:
            track, passages = advanced(track, reading, margin=policy.margin)
            moved = [(before, after, passage) for passage in passages]
            found += passed(moved, {None: rules.sizes}, cycle)
        yield from ((change, line) for change in found)
        before = after


def _begun(token: TokenId, line: Line, policy: BandPolicy) -> Rating:
    return Rating(
        token=token,
        rank=policy.rank_of(line.score),
        since=line.as_of,
        score=line.score,
        as_of=line.as_of,
        anchor=line.score,
        components=line.components,
        revision=line.revision,
    )


def _after(before: Rating, line: Line, policy: BandPolicy) -> Rating:
    """The rating held after a line."""
    found = verdict(before, line.score, policy, as_of=line.as_of)
    slack_up, slack_down = before.slack_at(line.score, policy.margin)
    is_told = found.type is not None
    return Rating(
        token=before.token,
        rank=found.rank,
        since=before.since if found.rank == before.rank else line.as_of,
        score=line.score,
        as_of=line.as_of,
        anchor=line.score if is_told else before.anchor,
        components=line.components,
        revision=line.revision,
        pending=None if is_told else found.run,
        swings=found.swings,
        slack_up=slack_up,
        slack_down=slack_down,
    )
