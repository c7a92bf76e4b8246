"""Bands, the band held between its margins, and the gate a cycle passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import Cycle, Kind
from alerts.domain.ratings import (
    FUNDAMENTAL_NAMES,
    TRADER_NAMES,
    BandPolicy,
    HoldReason,
    default_policies,
    graded_count,
    seal,
)
from tests.builders import FUNDAMENTAL, TRADER, Points, cycle, hundredths

SCORES = st.integers(0, 10_000)


@st.composite
def policies(draw: st.DrawFn) -> BandPolicy:
    """Any ladder: two to seven bands, edges and margin anywhere, bands narrower than it too."""
    edges = sorted(draw(st.sets(st.integers(1, 9999), min_size=1, max_size=6)))
    names = tuple(f"band {rank}" for rank in range(1, len(edges) + 2))
    return BandPolicy(1, names, tuple(edges), draw(st.integers(0, 1500)), 500)


def held_by_the_sentence(policy: BandPolicy, held: int, score: int) -> int:
    """The rule as it is written, one band at a time.

    The new band is the highest whose lower edge + margin <= score, if above the one held; else
    the lowest whose upper edge - margin > score, if below it; else the one held.
    """
    ranks = range(1, len(policy.names) + 1)
    climbable = [r for r in ranks if r == 1 or policy.edges[r - 2] + policy.margin <= score]
    if max(climbable) > held:
        return max(climbable)
    fallen = [r for r in ranks if r == max(ranks) or policy.edges[r - 1] - policy.margin > score]
    if min(fallen) < held:
        return min(fallen)
    return held


@pytest.mark.parametrize(
    ("policy", "score", "name"),
    [
        (FUNDAMENTAL, 0, "High Risk"),
        (FUNDAMENTAL, 39.99, "High Risk"),
        (FUNDAMENTAL, 40, "Speculative"),
        (FUNDAMENTAL, 60, "Emerging"),
        (FUNDAMENTAL, 80, "Blue Chip"),
        (FUNDAMENTAL, 89.99, "Blue Chip"),
        (FUNDAMENTAL, 90, "Store of Value"),
        (FUNDAMENTAL, 100, "Store of Value"),
        (TRADER, 19.99, "Strong Sell"),
        (TRADER, 20, "Sell"),
        (TRADER, 40, "Neutral"),
        (TRADER, 60, "Buy"),
        (TRADER, 80, "Strong Buy"),
    ],
)
def test_a_score_on_an_edge_is_in_the_upper_band(
    policy: BandPolicy, score: Points, name: str
) -> None:
    assert policy.name_of(policy.rank_of(hundredths(score) or 0)) == name


@pytest.mark.parametrize(
    ("policy", "held", "score", "then"),
    [
        pytest.param(TRADER, "Strong Sell", 61, "Neutral", id="two edges, and short of the third"),
        pytest.param(TRADER, "Neutral", 60, "Neutral", id="on the edge above"),
        pytest.param(TRADER, "Neutral", 62.99, "Neutral", id="a hundredth short of the margin"),
        pytest.param(TRADER, "Neutral", 63, "Buy", id="exactly edge + margin"),
        pytest.param(TRADER, "Neutral", 39.99, "Neutral", id="just under its own edge"),
        pytest.param(TRADER, "Neutral", 37, "Neutral", id="exactly edge - margin"),
        pytest.param(TRADER, "Neutral", 36.99, "Sell", id="a hundredth past the margin below"),
        pytest.param(TRADER, "Strong Buy", 0, "Strong Sell", id="from the top to the bottom"),
        pytest.param(TRADER, "Strong Buy", 39, "Neutral", id="down, held up by the next margin"),
        pytest.param(FUNDAMENTAL, "Emerging", 81.99, "Emerging", id="two points are the margin"),
        pytest.param(FUNDAMENTAL, "Emerging", 82, "Blue Chip", id="exactly two points past"),
        pytest.param(FUNDAMENTAL, "Emerging", 91.99, "Blue Chip", id="one band of two"),
        pytest.param(FUNDAMENTAL, "Emerging", 92, "Store of Value", id="both bands of two"),
        pytest.param(FUNDAMENTAL, "Store of Value", 88, "Store of Value", id="edge - margin"),
        pytest.param(FUNDAMENTAL, "Store of Value", 77.99, "Emerging", id="two bands down"),
        pytest.param(FUNDAMENTAL, "High Risk", 100, "Store of Value", id="all the way up"),
    ],
)
def test_the_band_held_changes_only_past_edge_and_margin(
    policy: BandPolicy, held: str, score: float, then: str
) -> None:
    rank = policy.names.index(held) + 1

    assert policy.name_of(policy.rank_held(rank, round(score * 100))) == then


@given(policies(), st.data(), SCORES)
def test_the_band_held_is_what_the_sentence_says(
    policy: BandPolicy, data: st.DataObject, score: int
) -> None:
    held = data.draw(st.integers(1, len(policy.names)))

    assert policy.rank_held(held, score) == held_by_the_sentence(policy, held, score)


@pytest.mark.parametrize("kind", Kind)
def test_the_shipped_ladders_hold_what_the_sentence_says_at_every_score(kind: Kind) -> None:
    policy = default_policies()[kind]

    for held in range(1, 6):
        found = [policy.rank_held(held, score) for score in range(10_001)]
        assert found == [held_by_the_sentence(policy, held, score) for score in range(10_001)]


@given(policies(), st.data(), SCORES)
def test_a_band_is_left_only_past_its_edge_and_the_margin(
    policy: BandPolicy, data: st.DataObject, score: int
) -> None:
    held = data.draw(st.integers(1, len(policy.names)))

    then = policy.rank_held(held, score)

    assert 1 <= then <= len(policy.names)
    if then > held:
        assert score >= policy.edges[then - 2] + policy.margin
    if then < held:
        assert score < policy.edges[then - 1] - policy.margin


@given(policies(), st.data(), SCORES)
def test_the_same_score_again_moves_nothing(
    policy: BandPolicy, data: st.DataObject, score: int
) -> None:
    held = data.draw(st.integers(1, len(policy.names)))
    then = policy.rank_held(held, score)

    assert policy.rank_held(then, score) == then
    assert policy.rank_held(policy.rank_of(score), score) == policy.rank_of(score)


@given(policies(), st.data(), SCORES, SCORES)
def test_a_higher_score_never_holds_a_lower_band(
    policy: BandPolicy, data: st.DataObject, one: int, other: int
) -> None:
    held = data.draw(st.integers(1, len(policy.names)))
    low, high = sorted((one, other))

    assert policy.rank_held(held, low) <= policy.rank_held(held, high)


def test_every_band_of_the_shipped_ladders_can_be_reached_from_every_other() -> None:
    for policy, names in ((FUNDAMENTAL, FUNDAMENTAL_NAMES), (TRADER, TRADER_NAMES)):
        assert policy.names == names
        for held in range(1, 6):
            assert {policy.rank_held(held, score) for score in range(10_001)} == {1, 2, 3, 4, 5}


def test_the_step_of_a_move_is_what_was_set() -> None:
    assert {policy.move_step for policy in default_policies().values()} == {500}
    assert {policy.move_step for policy in default_policies(250).values()} == {250}


def graded(known: int, unknown: int = 0, *, complete: bool = True) -> Cycle:
    scores: dict[int, Points] = dict.fromkeys(range(known), 50)
    return cycle(scores | dict.fromkeys(range(known, known + unknown)), complete=complete)


@pytest.mark.parametrize(
    ("swept", "reference", "reason"),
    [
        pytest.param(graded(80), 100, None, id="four in five are enough"),
        pytest.param(graded(79), 100, HoldReason.TOO_FEW_TOKENS, id="one fewer is held"),
        pytest.param(graded(79, 21), 100, HoldReason.TOO_FEW_TOKENS, id="an unknown is no token"),
        pytest.param(graded(4), 5, None, id="exact in whole numbers"),
        pytest.param(graded(2), 3, HoldReason.TOO_FEW_TOKENS, id="two in three"),
        pytest.param(graded(1), None, None, id="the first cycle has no measure"),
        pytest.param(graded(500), 100, None, id="more is no reason"),
        pytest.param(graded(1, complete=False), 100, None, id="a part is as small as it is"),
        pytest.param(graded(0), None, HoldReason.EMPTY, id="nothing at all, the first time"),
        pytest.param(graded(0), 100, HoldReason.EMPTY, id="nothing at all"),
        pytest.param(graded(0, complete=False), 100, None, id="an empty part"),
        pytest.param(graded(0, 9), 9, HoldReason.NO_SCORES, id="the field is missing on all rows"),
        pytest.param(
            graded(0, 9, complete=False),
            9,
            HoldReason.NO_SCORES,
            id="missing on all rows of a part",
        ),
        pytest.param(graded(8, 2), 10, None, id="missing on some"),
        pytest.param(graded(3), 0, None, id="after an empty one that was released"),
    ],
)
def test_a_cycle_is_believed_or_held(
    swept: Cycle, reference: int | None, reason: HoldReason | None
) -> None:
    assert seal(swept, reference=reference) is reason


def test_only_tokens_with_a_score_count() -> None:
    assert graded_count(graded(3, 4)) == 3
