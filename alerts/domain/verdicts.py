"""Verdicts: what one reading of a score comes to, after the rating held.

A change of band may have to be confirmed by several readings in a row, and more of them where the
band went to and fro: until then nothing is told of the token, and the band told last is held.
"""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from alerts.domain.events import EventType
from alerts.domain.ratings import BandPolicy, Components, Rating, Run, Swings


class Verdict(NamedTuple):
    """What a reading is told as (None: nothing), and what is held then.

    run: the readings past an edge that this one ends: what a change of band rests on, or waits for.
    """

    type: EventType | None
    rank: int
    run: Run | None
    swings: Swings | None


def verdict(before: Rating, score: int, policy: BandPolicy, *, as_of: datetime) -> Verdict:
    """What a score after `before` is told as.

    as_of: of the score; that of `before` again is a revision, which takes its place.
    A restatement corrects an announced event where this differs from what was announced.
    """
    if score == before.score and before.pending is None and not before.is_flapping:
        return Verdict(None, before.rank, None, before.swings)
    rank = policy.rank_held(before.rank, score)
    if rank == before.rank:
        swings = before.swings
        if swings is not None and before.is_flapping:
            return _steadier(before, swings, score, policy=policy, as_of=as_of)
        return Verdict(_move(before, score, policy), rank, None, swings)
    is_upward = rank > before.rank
    run = _run(before, score, policy, as_of=as_of, is_upward=is_upward)
    if not _is_confirmed(before, run, policy):
        swings = before.swings
        if swings is not None and swings.steady:
            swings = replace(swings, steady=0)
        return Verdict(None, before.rank, run, swings)
    event_type = EventType.UPGRADED if is_upward else EventType.DOWNGRADED
    return Verdict(event_type, rank, run, _swung(before, policy, as_of, is_upward=is_upward))


def readings_needed(rating: Rating, policy: BandPolicy) -> int:
    """How many readings in a row a change of this rating's band takes, unless one is sure."""
    if policy.flap is not None and rating.is_flapping:
        return max(policy.confirm.readings, policy.flap.settle)
    return policy.confirm.readings


def amended(
    rating: Rating, score: int, policy: BandPolicy, *, as_of: datetime, components: Components
) -> Rating:
    """The rating, after an earlier reading of its pending run was restated.

    One that agrees with the later ones no more takes what came before it along.
    """
    run = rating.pending
    if run is None or as_of not in dict(run.seen):
        return rating
    if _side(rating.rank, score, policy) is _side(rating.rank, run.seen[0][1], policy):
        seen = tuple((at, score if at == as_of else said) for at, said in run.seen)
        return rating._replace(pending=replace(run, seen=seen))
    later = tuple(reading for reading in run.seen if reading[0] > as_of)
    shorter = Run(score, as_of, components, later) if later else None
    return rating._replace(pending=shorter)


def _move(before: Rating, score: int, policy: BandPolicy) -> EventType | None:
    return EventType.MOVED if abs(score - before.anchor) >= policy.move_step else None


def _steadier(
    before: Rating, swings: Swings, score: int, *, policy: BandPolicy, as_of: datetime
) -> Verdict:
    """A score of what flaps that agrees with the band held."""
    is_again = as_of == before.as_of and swings.steady > 0
    steady = swings.steady if is_again else swings.steady + 1
    if policy.flap is not None and steady < policy.flap.settle:
        return Verdict(None, before.rank, None, replace(swings, steady=steady))
    return Verdict(_move(before, score, policy), before.rank, None, Swings(swings.is_upward))


def _run(
    before: Rating, score: int, policy: BandPolicy, *, as_of: datetime, is_upward: bool
) -> Run:
    """What speaks for a change of band, this reading included."""
    run = before.pending
    if run is None or _side(before.rank, run.seen[-1][1], policy) is not is_upward:
        return Run(before.score, before.as_of, before.components, ((as_of, score),))
    earlier = tuple(reading for reading in run.seen if reading[0] != as_of)
    return replace(run, seen=(*earlier, (as_of, score)))


def _is_confirmed(before: Rating, run: Run, policy: BandPolicy) -> bool:
    if len(run.seen) >= readings_needed(before, policy):
        return True
    return not before.is_flapping and policy.is_sure(before.rank, run.seen[-1][1])


def _side(rank: int, score: int, policy: BandPolicy) -> bool | None:
    """Where a score is of a band held: True above, False below, None in it."""
    other = policy.rank_held(rank, score)
    return None if other == rank else other > rank


def _swung(
    before: Rating, policy: BandPolicy, as_of: datetime, *, is_upward: bool
) -> Swings | None:
    """The swings, after a change of band."""
    rule, swings = policy.flap, before.swings
    if rule is None:
        return None
    if swings is None or before.is_flapping:
        return Swings(is_upward)
    reversals = tuple(at for at in swings.reversals if as_of - at < rule.within)
    if swings.is_upward is not is_upward:
        reversals = (*reversals, as_of)
    is_flapping = len(reversals) >= rule.reversals
    return Swings(is_upward, reversals, as_of if is_flapping else None)
