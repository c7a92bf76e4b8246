"""The diff: one cycle against the ratings held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.domain.events import Crossing, EventType, Stretch, grade_event_id
from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.domain.ratings import (
    WITHDRAWN_AFTER,
    WITHDRAWN_AFTER_CYCLES,
    BandPolicy,
    Rating,
    Run,
)
from alerts.domain.verdicts import amended, verdict


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to tell. before/after: the rating held before and after it.

    id: of its event.
    size: hundredths of a point that `min_delta` is held against: |to - from| for a change of band,
    the way from the anchor for a move within one.
    revises: id of the event announced earlier at this same `as_of`, if there was one.
    run: the readings that a change of band rests on, the last of them its own.
    crossed: of a crossing, which thresholds it is of. stretch: of a move within a window.
    """

    id: str
    type: EventType
    token: TokenId
    before: Rating | None
    after: Rating | None
    size: int | None = None
    revises: str | None = None
    run: Run | None = None
    crossed: Crossing | None = None
    stretch: Stretch | None = None

    @property
    def notches(self) -> int:
        """Bands climbed (positive) or fallen; 0 where no band changed."""
        if self.before is None or self.after is None or self.type is EventType.REINSTATED:
            return 0
        return self.after.rank - self.before.rank


@dataclass(frozen=True, slots=True)
class Diff:
    """What a cycle came to.

    changes: what to tell, in row order, withdrawn tokens after them.
    ratings: what to hold from now on, only those that differ from before.
    observed: accepted grades that differ from the token's last: history.
    late: grades older than their token's newest, which move no rating.
    """

    changes: tuple[Change, ...]
    ratings: tuple[Rating, ...]
    observed: tuple[Grade, ...]
    late: tuple[Grade, ...]


def diff(
    ratings: Mapping[TokenId, Rating],
    cycle: Cycle,
    policy: BandPolicy,
    *,
    first_as_of: datetime | None,
    newest_as_of: datetime | None,
    asked_before: frozenset[TokenId] | None = None,
    as_history: bool = False,
) -> Diff:
    """Compare one sealed cycle with the ratings held.

    ratings: of this source and kind; for a partial cycle those of its own tokens will do, for one
    that asked for some those of them.
    first_as_of: of the first cycle of this source and kind, None if this is it: what it brings,
    in whatever parts, is a baseline and no event. newest_as_of: the watermark; absence means
    something only in a complete cycle that is not older. asked_before: the tokens that were asked
    for until now, None: all; one that was not is no news, only new to us. as_history: move no
    rating at all.
    A grade without a score is unknown: as if it were absent. A row that could not be read is
    neither: it moves no rating, and ends an absence.
    """
    changes: list[Change] = []
    held: list[Rating] = []
    observed: list[Grade] = []
    late: list[Grade] = []
    case = _Case(cycle, policy, first_as_of, asked_before)
    for grade in cycle.grades:
        score, before = grade.score, ratings.get(grade.token)
        if score is None or _is_repeated(before, grade, cycle.as_of):
            continue
        if as_history or _is_late(before, cycle.as_of):
            late.append(grade)
            # The newest reading is none of those that a late grade changes.
            if before is not None and before.pending is not None and cycle.as_of < before.as_of:
                held.extend(_amended(before, grade, case, score=score))
            continue
        if before is None or not _says_the_same(before, grade):
            observed.append(grade)
        told, after = _compare(before, grade, case, score=score)
        changes.extend(told)
        held.append(after)
    if cycle.complete and not as_history and not _is_before(cycle.as_of, newest_as_of):
        for told, after in _absent(ratings.values(), cycle):
            changes.extend(told)
            held.append(after)
    return Diff(tuple(changes), tuple(held), tuple(observed), tuple(late))


def rebase(ratings: Iterable[Rating], policy: BandPolicy) -> tuple[Rating, ...]:
    """The ratings on a new ladder: a baseline each, and nothing to tell of any of them."""
    return tuple(
        rating._replace(
            rank=policy.rank_of(rating.score),
            since=rating.as_of,
            anchor=rating.score,
            pending=None,
            swings=None,
        )
        for rating in ratings
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """What all rows of a cycle are judged by."""

    cycle: Cycle
    policy: BandPolicy
    first_as_of: datetime | None
    asked_before: frozenset[TokenId] | None


# What is told of a token, if anything, and the rating held from now on.
_Judgement = tuple[tuple[Change, ...], Rating]


def _first_seen(grade: Grade, case: _Case, *, score: int) -> _Judgement:
    cycle, as_of = case.cycle, case.cycle.as_of
    after = Rating(
        token=grade.token,
        rank=case.policy.rank_of(score),
        since=as_of,
        score=score,
        as_of=as_of,
        anchor=score,
        label=grade.label,
        components=grade.components,
    )
    if case.first_as_of is None or as_of <= case.first_as_of:
        return (), after
    if case.asked_before is not None and grade.token not in case.asked_before:
        return (), after
    return _told(EventType.INITIATED, None, after, cycle=cycle)


def _compare(before: Rating | None, grade: Grade, case: _Case, *, score: int) -> _Judgement:
    """A token seen again is news at a later `as_of`, and a revision at the same one."""
    if before is None:
        return _first_seen(grade, case, score=score)
    cycle, policy = case.cycle, case.policy
    is_revision = cycle.as_of == before.as_of
    slack_up, slack_down = before.slack_at(score, policy.margin)
    # Written out, because this runs for every token of every cycle: `_replace` takes longer.
    after = Rating(
        before.token,
        before.rank,
        before.since,
        score,
        cycle.as_of,
        before.anchor,
        grade.label,
        grade.components,
        before.revision + 1 if is_revision else 0,
        before.event_id if is_revision else None,
        None,
        before.swings,
        slack_up,
        slack_down,
    )
    if before.withdrawn:
        return _told(EventType.REINSTATED, before, _begun_again(after, policy), cycle=cycle)
    # As in `verdict`, without the call: so most tokens are, at most times.
    if score == before.score and before.pending is None and before.swings is None:
        return (), after
    event_type, rank, run, swings = verdict(before, score, policy, as_of=cycle.as_of)
    if swings is not before.swings:
        after = after._replace(swings=swings)
    if event_type is None:
        return (), after if run is None else after._replace(pending=run)
    if run is None:
        size = abs(score - before.anchor)
    else:
        after = after._replace(rank=rank, since=cycle.as_of)
        size = abs(score - run.score)
    after = after._replace(anchor=score)
    return _told(event_type, before, after, cycle=cycle, size=size, run=run)


def _begun_again(rating: Rating, policy: BandPolicy) -> Rating:
    """A rating after a silence: a baseline."""
    return rating._replace(
        rank=policy.rank_of(rating.score),
        since=rating.as_of,
        anchor=rating.score,
        swings=None,
        slack_up=0,
        slack_down=0,
    )


def _amended(before: Rating, grade: Grade, case: _Case, *, score: int) -> Iterable[Rating]:
    """The rating whose pending run a late grade changes, if it does: no band moves by it."""
    after = amended(before, score, case.policy, as_of=case.cycle.as_of, components=grade.components)
    return () if after == before else (after,)


def _told(
    event_type: EventType,
    before: Rating | None,
    after: Rating,
    *,
    cycle: Cycle,
    size: int | None = None,
    run: Run | None = None,
) -> _Judgement:
    """A change and the rating that remembers having told it."""
    identity = grade_event_id(event_type, cycle, after.token, revision=after.revision)
    revises = after.event_id
    after = after._replace(event_id=identity)
    return (Change(identity, event_type, after.token, before, after, size, revises, run),), after


def _absent(ratings: Iterable[Rating], cycle: Cycle) -> Iterable[_Judgement]:
    """Tokens asked for that a complete cycle lacks, each cycle identity counted once."""
    seen = {grade.token for grade in cycle.grades if grade.score is not None}
    for before in ratings:
        if cycle.asked is not None and before.token not in cycle.asked:
            continue
        if before.token in seen or before.withdrawn or cycle.as_of <= before.as_of:
            continue
        if before.token in cycle.unread:
            if before.absent_cycles:
                yield (), before._replace(absent_cycles=0, absent_since=None, absent_as_of=None)
            continue
        if before.absent_as_of is not None and cycle.as_of <= before.absent_as_of:
            continue
        since = before.absent_since or cycle.as_of
        cycles = before.absent_cycles + 1
        after = before._replace(absent_cycles=cycles, absent_since=since, absent_as_of=cycle.as_of)
        if cycles >= WITHDRAWN_AFTER_CYCLES and cycle.as_of - since >= WITHDRAWN_AFTER:
            identity = grade_event_id(
                EventType.WITHDRAWN, cycle, before.token, revision=before.revision
            )
            change = Change(identity, EventType.WITHDRAWN, before.token, before, None)
            yield (change,), after._replace(withdrawn=True, pending=None, swings=None)
        else:
            yield (), after


def _is_repeated(before: Rating | None, grade: Grade, as_of: datetime) -> bool:
    return before is not None and before.as_of == as_of and _says_the_same(before, grade)


def _is_late(before: Rating | None, as_of: datetime) -> bool:
    """Older than what is known of the token since, its withdrawal included."""
    if before is None:
        return False
    if as_of < before.as_of:
        return True
    return before.withdrawn and _is_before(as_of, before.absent_as_of)


def _says_the_same(rating: Rating, grade: Grade) -> bool:
    return (
        rating.score == grade.score
        and rating.label == grade.label
        and rating.components == grade.components
    )


def _is_before(moment: datetime, other: datetime | None) -> bool:
    return other is not None and moment < other
