"""The diff: one cycle against the ratings held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.domain.events import EventType, grade_event_id
from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.domain.ratings import (
    WITHDRAWN_AFTER,
    WITHDRAWN_AFTER_CYCLES,
    BandPolicy,
    Rating,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to tell. before/after: the rating held before and after it.

    id: of its event.
    size: hundredths of a point that `min_delta` is held against: |to - from| for a change of band,
    the way from the anchor for a move within one.
    revises: id of the event announced earlier at this same `as_of`, if there was one.
    """

    id: str
    type: EventType
    token: TokenId
    before: Rating | None
    after: Rating | None
    size: int | None = None
    revises: str | None = None

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
    as_history: bool = False,
) -> Diff:
    """Compare one sealed cycle with the ratings held.

    ratings: of this source and kind; for a partial cycle those of its own tokens will do.
    first_as_of: of the first cycle of this source and kind, None if this is it: what it brings,
    in whatever parts, is a baseline and no event. newest_as_of: the watermark; absence means
    something only in a complete cycle that is not older. as_history: move no rating at all.
    A grade without a score is unknown: as if it were absent.
    """
    changes: list[Change] = []
    held: list[Rating] = []
    observed: list[Grade] = []
    late: list[Grade] = []
    for grade in cycle.grades:
        if grade.score is None:
            continue
        rating = ratings.get(grade.token)
        if as_history or (rating is not None and _is_late(rating, cycle.as_of)):
            late.append(grade)
            continue
        is_equal = rating is not None and _says_the_same(rating, grade)
        if rating is not None and is_equal and rating.as_of == cycle.as_of:
            continue
        if not is_equal:
            observed.append(grade)
        if rating is None:
            change, after = _first_seen(grade, grade.score, cycle, policy, first_as_of)
        else:
            change, after = _compare(rating, grade, grade.score, cycle, policy)
        held.append(after)
        changes.extend(change)
    if cycle.complete and not as_history and not _is_before(cycle.as_of, newest_as_of):
        for change, after in _absent(ratings.values(), cycle):
            held.append(after)
            changes.extend(change)
    return Diff(tuple(changes), tuple(held), tuple(observed), tuple(late))


def rebase(ratings: Iterable[Rating], policy: BandPolicy) -> tuple[Rating, ...]:
    """The ratings on a new ladder: a baseline each, and nothing to tell of any of them."""
    return tuple(
        replace(rating, rank=policy.rank_of(rating.score), since=rating.as_of, anchor=rating.score)
        for rating in ratings
    )


def verdict(before: Rating, score: int, policy: BandPolicy) -> tuple[EventType | None, int]:
    """What a score after `before` is told as (None: nothing), and the rank held then.

    A restatement corrects an announced event where this differs from what was announced.
    """
    rank = policy.rank_held(before.rank, score)
    if rank != before.rank:
        return (EventType.UPGRADED if rank > before.rank else EventType.DOWNGRADED), rank
    is_move = abs(score - before.anchor) >= policy.move_step
    return (EventType.MOVED if is_move else None), rank


def _first_seen(
    grade: Grade, score: int, cycle: Cycle, policy: BandPolicy, first_as_of: datetime | None
) -> tuple[list[Change], Rating]:
    as_of = cycle.as_of
    after = Rating(
        token=grade.token,
        rank=policy.rank_of(score),
        since=as_of,
        score=score,
        as_of=as_of,
        anchor=score,
        label=grade.label,
        components=grade.components,
    )
    if first_as_of is None or as_of <= first_as_of:
        return [], after
    return _told(EventType.INITIATED, None, after, cycle)


def _compare(
    before: Rating, grade: Grade, score: int, cycle: Cycle, policy: BandPolicy
) -> tuple[list[Change], Rating]:
    """A token seen again: news at a later `as_of`, a revision at the same one."""
    is_revision = cycle.as_of == before.as_of
    after = replace(
        before,
        score=score,
        as_of=cycle.as_of,
        label=grade.label,
        components=grade.components,
        revision=before.revision + 1 if is_revision else 0,
        event_id=before.event_id if is_revision else None,
        absent_cycles=0,
        absent_since=None,
        absent_as_of=None,
    )
    if before.withdrawn:
        rank = policy.rank_of(score)
        after = replace(after, withdrawn=False, rank=rank, since=cycle.as_of, anchor=score)
        return _told(EventType.REINSTATED, before, after, cycle)
    event_type, rank = verdict(before, score, policy)
    if event_type is None:
        return [], after
    if event_type is EventType.MOVED:
        size = abs(score - before.anchor)
    else:
        after = replace(after, rank=rank, since=cycle.as_of)
        size = abs(score - before.score)
    return _told(event_type, before, replace(after, anchor=score), cycle, size=size)


def _told(
    event_type: EventType,
    before: Rating | None,
    after: Rating,
    cycle: Cycle,
    *,
    size: int | None = None,
) -> tuple[list[Change], Rating]:
    """A change and the rating that remembers having told it."""
    identity = grade_event_id(event_type, cycle, after.token, after.revision)
    revises = after.event_id
    after = replace(after, event_id=identity)
    return [Change(identity, event_type, after.token, before, after, size, revises)], after


def _absent(ratings: Iterable[Rating], cycle: Cycle) -> Iterable[tuple[list[Change], Rating]]:
    """Tokens that a complete cycle lacks, each cycle identity counted once."""
    seen = {grade.token for grade in cycle.grades if grade.score is not None}
    for before in ratings:
        if before.token in seen or before.withdrawn or cycle.as_of <= before.as_of:
            continue
        if before.absent_as_of is not None and cycle.as_of <= before.absent_as_of:
            continue
        since = before.absent_since or cycle.as_of
        cycles = before.absent_cycles + 1
        after = replace(before, absent_cycles=cycles, absent_since=since, absent_as_of=cycle.as_of)
        if cycles >= WITHDRAWN_AFTER_CYCLES and cycle.as_of - since >= WITHDRAWN_AFTER:
            identity = grade_event_id(EventType.WITHDRAWN, cycle, before.token, before.revision)
            change = Change(identity, EventType.WITHDRAWN, before.token, before, None)
            yield [change], replace(after, withdrawn=True)
        else:
            yield [], after


def _is_late(rating: Rating, as_of: datetime) -> bool:
    """Older than what the token has told since, its withdrawal included."""
    newest = rating.absent_as_of if rating.withdrawn else None
    return as_of < rating.as_of or (newest is not None and as_of <= newest)


def _says_the_same(rating: Rating, grade: Grade) -> bool:
    return (
        rating.score == grade.score
        and rating.label == grade.label
        and rating.components == grade.components
    )


def _is_before(moment: datetime, other: datetime | None) -> bool:
    return other is not None and moment < other
