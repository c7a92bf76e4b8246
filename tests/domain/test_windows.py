"""Windows: how far a grade went in a day or in seven is told once, and again after it was less."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.events import Window
from alerts.domain.grades import TokenId
from alerts.domain.windows import Passage, Reading, Sizes, advanced, begun, passed
from tests.builders import cycle, day, rating, token

MARGIN = 300
WEEK, DAY = Window.WEEK_POINTS, Window.DAY_POINTS
# Of (days, points).
Path = Sequence[tuple[float, float]]


class Rule(NamedTuple):
    """A size in hundredths."""

    window: Window
    is_upward: bool
    size: int


def readings(path: Path) -> list[Reading]:
    found: list[Reading] = []
    for number, score in path:
        as_of = day(number)
        is_revision = bool(found) and found[-1].as_of == as_of
        revision = found[-1].revision + 1 if is_revision else 0
        found.append(Reading(as_of, revision, round(score * 100)))
    return found


def told(path: Path, rule: Rule) -> list[tuple[float, Passage]]:
    """The scores at which one rule is told."""
    first, *rest = readings(path)
    track, found = begun(first), []
    for reading in rest:
        track, passages = advanced(track, reading, margin=MARGIN)
        found += [
            (reading.score / 100, passage)
            for passage in passages
            if (passage.stretch.window, passage.is_upward) == rule[:2]
            and passage.crossed.passes(rule.size)
        ]
    return found


def scores(path: Path, rule: Rule) -> list[float]:
    return [score for score, _ in told(path, rule)]


def daily(*points: float) -> Path:
    return list(enumerate(points))


RISE_15 = Rule(WEEK, is_upward=True, size=1500)
FALL_15 = Rule(WEEK, is_upward=False, size=1500)


@pytest.mark.parametrize(
    ("path", "rule", "at"),
    [
        pytest.param(daily(50, 64.99, 65, 66), RISE_15, [65], id="just so far is far enough"),
        pytest.param(daily(50, 53, 56, 59, 62, 65, 68), RISE_15, [65], id="step by step"),
        pytest.param(
            daily(*(20 + 3 * step for step in range(24))), RISE_15, [35], id="one climb is one word"
        ),
        pytest.param(daily(50, 65, 64, 65, 63.5, 65.5), RISE_15, [65], id="no flapping"),
        pytest.param(daily(50, 65, 61.9, 65), RISE_15, [65, 65], id="less by more than the margin"),
        pytest.param(daily(50, *[51] * 7, 65), RISE_15, [], id="what was before the window"),
        pytest.param(daily(50, *[51] * 6, 65), RISE_15, [65], id="the first moment of the window"),
        pytest.param(daily(50, 65, *[65] * 7, 80), RISE_15, [65, 80], id="the next one, later"),
        pytest.param([(0, 50), (20, 65)], RISE_15, [65], id="held until now, however old"),
        pytest.param(daily(50, 65), FALL_15, [], id="a rise is no fall"),
        pytest.param(daily(65, 50), FALL_15, [50], id="a fall"),
        pytest.param(daily(50, 30, 45), RISE_15, [45], id="from the lowest, not the first"),
        pytest.param(daily(50, 60, 65), Rule(DAY, is_upward=True, size=1000), [60], id="a day"),
        pytest.param(
            [(0, 50), (0.5, 55), (1, 60), (1.5, 62)],
            Rule(DAY, is_upward=True, size=1000),
            [60],
            id="a day is 24 hours",
        ),
        pytest.param(
            daily(50, 59.99, 60),
            Rule(Window.WEEK_PERCENT, is_upward=True, size=2000),
            [60],
            id="percent of where it began",
        ),
        pytest.param(
            daily(50, 40.01, 40),
            Rule(Window.WEEK_PERCENT, is_upward=False, size=2000),
            [40],
            id="percent of the highest",
        ),
        pytest.param(
            daily(0, 0.01),
            Rule(Window.WEEK_PERCENT, is_upward=True, size=100_000),
            [0.01],
            id="of nothing it is more than any percent",
        ),
        pytest.param(
            [(0, 70), (1, 70), (1, 50), (1, 70)], FALL_15, [50], id="revised, and back again"
        ),
        pytest.param(
            [(0, 70), (1, 50), (1, 70)], RISE_15, [70], id="from what was revised, on its day"
        ),
        pytest.param(
            [(0, 70), (1, 50), (1, 70), (2, 72)], RISE_15, [70], id="and not after its day"
        ),
    ],
)
def test_a_move_is_told_once(path: Path, rule: Rule, at: list[float]) -> None:
    assert scores(path, rule) == at


def test_a_passage_says_where_the_move_began() -> None:
    ((_, passage),) = told(daily(60, 50, 58, 66), RISE_15)

    assert (passage.stretch.score, passage.stretch.as_of) == (5000, day(1))
    assert passage.crossed == (800, 1600)


def expected(path: Path, rule: Rule) -> list[float]:
    """The plain way: a mark for the rule, and a look at all that was held in the window."""
    length = timedelta(days=rule.window.days)
    found, is_told = [], False
    for place in range(1, len(path)):
        now, score = day(path[place][0]), path[place][1]
        seen = _held_after(path[:place], now - length, now)
        before = path[place - 1][1]
        is_told = is_told and _size([*seen, before], before, rule) >= rule.size - MARGIN
        size = _size([*seen, score], score, rule)
        if size >= rule.size and not is_told:
            found.append(score)
        is_told = size >= rule.size or (is_told and size >= rule.size - MARGIN)
    return found


def _held_after(path: Path, start: datetime, now: datetime) -> list[float]:
    """All scores that were held after a time; what was revised later only on the day itself."""
    seen = []
    for place, (number, score) in enumerate(path):
        until = day(path[place + 1][0]) if place + 1 < len(path) else now
        is_revised = until == day(number)
        if day(number) == now or (until > start and not is_revised):
            seen.append(score)
    return seen


def _size(seen: Sequence[float], score: float, rule: Rule) -> int:
    """In hundredths: of a point, or of a percent of where the move began."""
    start = min(seen) if rule.is_upward else max(seen)
    moved = round((score - start if rule.is_upward else start - score) * 100)
    if rule.window.unit == "points" or moved == 0:
        return moved
    return 100_000 if start == 0 else min(100_000, moved * 10_000 // round(start * 100))


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0.25, 0.5, 1, 1, 1, 3, 8]), st.integers(0, 20)),
    min_size=1,
    max_size=14,
)


@given(
    STEPS,
    st.sampled_from(list(Window)),
    st.booleans(),
    st.sampled_from([300, 500, 700, 1000, 2500, 5000, 100_000]),
)
def test_it_is_what_each_rule_would_remember_by_itself(
    steps: list[tuple[float, int]],
    window: Window,
    is_upward: bool,
    size: int,
) -> None:
    at, path = 0.0, []
    for later, score in steps:
        at += later
        path.append((at, float(score * 5)))
    rule = Rule(window, is_upward, size)

    assert scores(path, rule) == expected(path, rule)


def test_only_what_is_named_for_the_token_or_for_all_is_told() -> None:
    pairs = [(rating(3, 50, number=number), rating(4, 66, number=number)) for number in (1, 2)]
    _, passages = advanced(begun(Reading(day(0), 0, 5000)), Reading(day(1), 0, 6600), margin=300)
    moved = [(before, after, passage) for before, after in pairs for passage in passages]

    def told_of(named: Mapping[TokenId | None, Sizes]) -> list[tuple[TokenId, str]]:
        found = passed(moved, named, cycle())
        return [(change.token, str(change.stretch and change.stretch.window)) for change in found]

    both: Mapping[TokenId | None, Sizes] = {
        token(1): {(WEEK, True): (1000, 9000)},
        token(2): {(WEEK, False): (1000,)},
    }
    assert told_of(both) == [(token(1), WEEK)]
    assert told_of({None: {(DAY, True): (1600,)}}) == [(token(1), DAY), (token(2), DAY)]
    assert told_of({None: {(DAY, True): (1601,)}}) == []
    assert told_of({}) == []


def test_events_of_one_reading_and_different_windows_are_different() -> None:
    before, after = rating(3, 50), rating(4, 66)
    _, passages = advanced(begun(Reading(day(0), 0, 5000)), Reading(day(1), 0, 6600), margin=300)
    named: Sizes = {(window, True): (1000,) for window in Window}

    found = passed([(before, after, one) for one in passages], {None: named}, cycle())

    assert len({change.id for change in found}) == len(Window)
