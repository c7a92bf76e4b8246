"""Words that are the same on every platform."""

import pytest

from alerts.channels.wording import component_moves, reach_words
from alerts.domain.events import Window
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Reach


def move(name: str, delta: float | None) -> dict[str, object]:
    return {"name": name, "from": 5.0, "to": None, "delta": delta}


def test_components_are_named_with_what_can_be_seen_of_their_change() -> None:
    moves = [move("on_chain", -2.34), move("team", 0.05), move("quant", -0.04), move("new", None)]

    assert component_moves(moves, most=3) == [("on chain", "−2.3"), ("team", "+0.1")]
    assert component_moves(moves, most=1) == [("on chain", "−2.3")]
    assert component_moves([move("quant", -0.0)], most=3) == []


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
