"""The events of a token's cycles, for the tests that look at their payloads."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from alerts.domain.changes import Change
from alerts.domain.crossings import Thresholds, crossed, moves
from alerts.domain.events import Draft, MassMove, Window, encode
from alerts.domain.grades import Cycle, Kind
from alerts.domain.payloads import TokenView, grade_event
from alerts.domain.windows import Moved, Reading, Sizes, advanced, begun, passed
from tests.builders import FUNDAMENTAL, Points, cycle, cycle_view, day, grade, token
from tests.domain.watch import Watch

RECORDED_AT = day(41) + timedelta(minutes=4, seconds=7)
BITCOIN = TokenView(token(1), "BTC", "Bitcoin", "https://example.com/bitcoin")


def fundamental(
    number: float, score: Points, components: Mapping[str, Points] | None = None, **others: Points
) -> Cycle:
    """A complete cycle with token 1 and any others (t2, t3 …)."""
    grades = [] if score is None else [grade(1, score, components=components)]
    grades += [grade(name[1:], points) for name, points in others.items()]
    return cycle(grades, at=day(number), kind=Kind.FUNDAMENTAL)


def told(*swept: Cycle) -> tuple[Change, Cycle]:
    """What the last of these cycles tells of token 1, after the others."""
    watched = Watch(FUNDAMENTAL)
    for one in swept[:-1]:
        watched.take(one)
    changes = watched.take(swept[-1]).changes
    (change,) = (change for change in changes if change.token == token(1))
    return change, swept[-1]


def draft(*swept: Cycle, view: TokenView = BITCOIN, mass: MassMove | None = None) -> Draft:
    change, last = told(*swept)
    cycle = replace(cycle_view(last), mass_move=mass)
    return grade_event(change, token=view, cycle=cycle, policy=FUNDAMENTAL)


def crossing(*swept: Cycle, above: int) -> Draft:
    """That the last of these cycles brings token 1 above a score, in hundredths."""
    watched = Watch(FUNDAMENTAL)
    for one in swept[:-1]:
        watched.take(one)
    before, last = dict(watched.ratings), swept[-1]
    found = watched.take(last)
    (change,) = crossed(moves(before, found.ratings), {None: Thresholds(above=[above])}, last)
    return grade_event(change, token=BITCOIN, cycle=cycle_view(last), policy=FUNDAMENTAL)


def moving(*swept: Cycle, window: Window, size: int) -> Draft:
    """That the last of these cycles takes token 1 so far (hundredths), up or down, in a window."""
    watched = Watch(FUNDAMENTAL)
    track = None
    for last in swept:
        before = dict(watched.ratings)
        after = watched.take(last).ratings[0]
        reading = Reading(after.as_of, after.revision, after.score)
        moved: list[Moved] = []
        if track is None:
            track = begun(reading)
        else:
            track, passages = advanced(track, reading, margin=FUNDAMENTAL.margin)
            moved = [(before[after.token], after, passage) for passage in passages]
    named: Sizes = {(window, True): [size], (window, False): [size]}
    (change,) = passed(moved, {None: named}, last)
    return grade_event(change, token=BITCOIN, cycle=cycle_view(last), policy=FUNDAMENTAL)


def body(event: Draft) -> bytes:
    return encode(event, sequence=48211, recorded_at=RECORDED_AT)


def parsed(event: Draft, *, sequence: int = 48211) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(encode(event, sequence=sequence, recorded_at=RECORDED_AT))
    return read


def data(event: Draft) -> dict[str, Any]:
    said: dict[str, Any] = parsed(event)["data"]
    return said


def absences(last: int) -> list[Cycle]:
    return [fundamental(number, None, t2=50) for number in range(1, last + 1)]


BEFORE = {"tokenomics": 6.1, "vc": 4, "community": 50, "exchange": None, "audit": 7}
AFTER = {"tokenomics": 8.8, "vc": 4, "community": 12.5, "exchange": 3}

UPGRADED = draft(fundamental(0, 78.9), fundamental(40, 78.9, BEFORE), fundamental(41, 83.1, AFTER))
