"""The default market against the two recordings, pooled over 300 days.

The recordings are one day of 1,000 tokens and two years of one token; a year of 400 invented
ones need not match them to the point. The tolerances are what a person would call alike: four
points of a hundred in shares, and in grades a quarter of a band where the measured grades rest,
a whole band in between, where few tokens are at any time.
"""

import json
from datetime import timedelta
from importlib.resources import files
from itertools import pairwise

import pytest

from alerts.sources.sandbox.generator import Market, Stream
from alerts.sources.sandbox.roster import (
    BITCOIN,
    OPENING,
    SandboxToken,
    Temper,
)

DAYS = 300


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, dict[str, float]]]:
    file = files("alerts.sources.sandbox") / "trader-grade-calibration.json"
    measured: dict[str, dict[str, dict[str, float]]] = json.loads(file.read_text("utf-8"))
    return measured


@pytest.fixture(scope="module")
def tail() -> list[list[int]]:
    return _series([Market(size=400)], Temper.TAIL)


@pytest.fixture(scope="module")
def majors() -> list[list[int]]:
    return _series([Market(seed=seed, size=3) for seed in range(15)], Temper.MAJOR)


def _series(markets: list[Market], temper: Temper) -> list[list[int]]:
    days = [OPENING + timedelta(days=number) for number in range(DAYS)]

    def grades(market: Market, token: SandboxToken) -> list[int]:
        found = (market.trader(token, day) for day in days)
        return [each.trader for each in found if each is not None]

    return [grades(m, token) for m in markets for token in m.tokens if token.temper is temper]


def test_a_fifth_of_tokens_cross_a_20_point_edge_in_a_day(
    tail: list[list[int]], majors: list[list[int]]
) -> None:
    # Measured: 0.209 in the one day, 77.6 a year = 0.213 in the series.
    assert _crossing_share(tail) == pytest.approx(0.21, abs=0.04)
    assert _crossing_share(majors) == pytest.approx(0.21, abs=0.04)


def test_most_days_are_still_and_a_quarter_are_moves_of_5_points(
    tail: list[list[int]], majors: list[list[int]]
) -> None:
    for series in (tail, majors):
        moves = sorted(abs(b - a) / 100 for grades in series for a, b in pairwise(grades))

        assert moves[len(moves) // 2] < 0.5  # measured: 0.19 and 0.38
        assert _share(moves, 5) == pytest.approx(0.25, abs=0.04)
        assert _share(moves, 20) == pytest.approx(0.04, abs=0.02)


def test_many_tokens_lie_low_and_few_high(
    tail: list[list[int]], measured: dict[str, dict[str, dict[str, float]]]
) -> None:
    grades = sorted(grade / 100 for series in tail for grade in series)
    wanted = measured["cross_section_2025_04_16"]["trader_grade_quantiles"]

    for share, tolerance in {"0.05": 2, "0.25": 2, "0.5": 3, "0.75": 10, "0.9": 15}.items():
        found = grades[int(float(share) * len(grades))]
        assert found == pytest.approx(wanted[share], abs=tolerance), share


def test_the_majors_live_on_the_whole_scale(
    majors: list[list[int]], measured: dict[str, dict[str, dict[str, float]]]
) -> None:
    grades = sorted(grade / 100 for series in majors for grade in series)
    wanted = measured["btc_daily_2021_2023"]["trader_grade_quantiles"]

    for share, tolerance in {"0.05": 2, "0.25": 10, "0.5": 15, "0.75": 15, "0.95": 3}.items():
        found = grades[int(float(share) * len(grades))]
        assert found == pytest.approx(wanted[share], abs=tolerance), share


def test_fundamental_grades_change_on_few_days() -> None:
    market = Market()
    token = next(token for token in market.tokens if token.id == BITCOIN)
    days = [OPENING + timedelta(days=number) for number in range(DAYS)]
    grades = [market.fundamental(token, day) for day in days]

    changes = sum(a != b for a, b in pairwise(grades))

    assert 5 <= changes <= 60


def test_chance_is_the_same_everywhere() -> None:
    stream = Stream(1, BITCOIN, "trader")

    assert [stream.below(1000) for _ in range(5)] == [634, 806, 870, 873, 636]


def _crossing_share(series: list[list[int]]) -> float:
    pairs = [(a, b) for grades in series for a, b in pairwise(grades)]
    return sum(min(a // 2000, 4) != min(b // 2000, 4) for a, b in pairs) / len(pairs)


def _share(moves: list[float], points: float) -> float:
    return sum(move >= points for move in moves) / len(moves)
