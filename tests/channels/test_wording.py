"""Words that are the same on every platform."""

import pytest

from alerts.channels.wording import component_moves, moved_words, reach_words
from alerts.domain.events import Window
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Reach


def move(name: str, delta: float | None) -> dict[str, object]:
    return {"name": name, "from": 5.0, "to": None, "delta": delta}


def test_components_are_named_with_what_can_be_seen_of_their_change() -> None:
    moves = [move("on_chain", -2.34), move("team", 0.05), move("quant", -0.04), move("new", None)]

    assert component_moves({"components": moves}, most=3) == [
        ("on chain", "−2.3"),
        ("team", "+0.1"),
    ]
    assert component_moves({"components": moves}, most=1) == [("on chain", "−2.3")]
    assert component_moves({"components": [move("quant", -0.0)]}, most=3) == []


@pytest.mark.parametrize(("began", "named"), [(2, [("team", "+5.0")]), (1, [])])
def test_components_are_those_of_a_move_only_where_it_is_of_one_reading(
    began: int, named: list[tuple[str, str]]
) -> None:
    data = {
        "from": {"score": 50.0, "as_of": "2026-11-02T00:00:00Z"},
        "window": {"from": {"score": 40.0, "as_of": f"2026-11-0{began}T00:00:00Z"}},
        "components": [move("team", 5.0)],
    }

    assert component_moves(data, most=3) == named


@pytest.mark.parametrize(
    ("through", "unit", "words"),
    [
        (1000.0, "percent", "rose 1000 % or more within 7 days"),
        (999.5, "percent", "rose 999.5 % within 7 days"),
        (1.0, "points", "rose 1 point within 7 days"),
        (34.39, "points", "rose 34.4 points within 7 days"),
    ],
)
def test_how_far_a_grade_went_is_said_as_far_as_it_can_be(
    through: float, unit: str, words: str
) -> None:
    window = {"days": 7, "unit": unit, "through": through, "from": {"score": 0.0}}

    assert moved_words({"window": window, "to": {"score": 60.0}}) == words


@pytest.mark.parametrize(
    ("window", "rise", "fall", "words"),
    [
        (Window.WEEK_POINTS, 1500, None, "trader up 15 points or more within 7 days"),
        (
            Window.WEEK_POINTS,
            950,
            100,
            "trader up 9.5 points or down 1 point or more within 7 days",
        ),
        (Window.DAY_PERCENT, 2000, 2000, "trader up or down 20 % or more within 1 day"),
        (Window.DAY_PERCENT, None, 2000, "trader down 20 % or more within 1 day"),
    ],
)
def test_how_far_somebody_named_is_said_as_one_would(
    window: Window, rise: int | None, fall: int | None, words: str
) -> None:
    assert reach_words(Reach(Kind.TRADER, window, rise, fall)) == words
