"""Thresholds: each is crossed once, and again only after the score was back by the margin."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.changes import diff
from alerts.domain.crossings import Thresholds, crossed, moves
from alerts.domain.grades import TokenId
from alerts.domain.ratings import Rating
from tests.builders import TRADER, cycle, day, rating, token

MARGIN = TRADER.margin


def path(scores: Sequence[float | None]) -> list[Rating]:
    """The ratings of one token after each of these scores; None is a reading without it."""
    held: list[Rating] = []
    for number, score in enumerate(scores):
        before = {token(1): held[-1]} if held else {}
        found = diff(
            before,
            cycle({1: score, 2: 50}, at=day(number)),
            TRADER,
            first_as_of=day(0),
            newest_as_of=day(number - 1) if number else None,
        )
        held += [each for each in found.ratings if each.token == token(1)]
    return held


def told(scores: Sequence[float | None], *, above: float = 0, below: float = 0) -> list[float]:
    """At which of these scores one of the thresholds is crossed in its direction."""
    named = Thresholds([round(above * 100)] * (above > 0), [round(below * 100)] * (below > 0))
    held = path(scores)
    return [
        change.after.score / 100
        for before, after in pairwise(held)
        for change in crossed(
            moves({token(1): before}, [after]), {token(1): named}, cycle(at=after.as_of)
        )
        if change.after is not None
    ]


@pytest.mark.parametrize(
    ("scores", "above", "below", "at"),
    [
        pytest.param([84, 84.99, 85, 86], 85, 0, [85], id="on it is above it"),
        pytest.param([84.99, 85, 84.99, 85, 82.01, 85], 85, 0, [85], id="no flapping"),
        pytest.param([84, 85, 82, 85], 85, 0, [85], id="back by just the margin is not enough"),
        pytest.param([84, 85, 81.99, 85], 85, 0, [85, 85], id="back by more than the margin"),
        pytest.param([86, 87, 81, 84, 85], 85, 0, [85], id="who was above at first"),
        pytest.param([20.5, 20, 19.99, 19], 0, 20, [19.99], id="on it is not below it"),
        pytest.param([21, 19, 22.99, 19], 0, 20, [19], id="no flapping below"),
        pytest.param([21, 19, 23, 19], 0, 20, [19, 19], id="back up by the margin"),
        pytest.param([10, 95], 85, 20, [95], id="from end to end"),
        pytest.param([90], 85, 0, [], id="a first grade crosses nothing"),
        pytest.param([80, None, None, 90], 85, 0, [90], id="a gap is no step"),
        pytest.param([80, *[None] * 7, 90, 91], 85, 0, [], id="nor is one that is back"),
    ],
)
def test_a_threshold_is_crossed_once(
    scores: Sequence[float | None], above: float, below: float, at: list[float]
) -> None:
    assert told(scores, above=above, below=below) == at


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 60))
def test_it_is_what_each_threshold_would_remember_by_itself(
    steps: list[int], threshold: int
) -> None:
    scores = [step / 2 for step in steps]
    score = threshold / 2
    # The plain way: a mark for each threshold and direction.
    is_above, is_below = scores[0] >= score, scores[0] < score
    rises, falls = [], []
    for now in scores[1:]:
        if now >= score and not is_above:
            rises.append(now)
        if now < score and not is_below:
            falls.append(now)
        is_above = now >= score or (is_above and now >= score - MARGIN / 100)
        is_below = now < score or (is_below and now < score + MARGIN / 100)

    assert told(scores, above=score) == rises
    assert told(scores, below=score) == falls


def test_only_what_is_named_for_the_token_or_for_all_is_told() -> None:
    before = {token(number): rating(5, 84, number=number) for number in (1, 2)}
    moved = moves(before, [rating(5, 86, number=number) for number in (1, 2)])

    def told_of(named: Mapping[TokenId | None, Thresholds]) -> list[TokenId]:
        return [change.token for change in crossed(moved, named, cycle())]

    named = {token(1): Thresholds(above=(1000, 8500, 9000)), token(2): Thresholds(below=(8500,))}
    assert told_of(dict(named.items())) == [token(1)]
    assert told_of({None: Thresholds(above=(8600,))}) == [token(1), token(2)]
    assert told_of({None: Thresholds(above=(8400,))}) == []
    assert told_of({}) == []
