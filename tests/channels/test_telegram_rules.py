"""Why a chat is told: the rule that matched, and what is said of a rule's own events."""

from typing import Any

import pytest

from alerts.channels.telegram_markup import DISCLAIMER
from alerts.domain.events import Window
from alerts.domain.grades import Kind
from tests.channels.telegrams import rule
from tests.channels.test_telegram_messages import assert_taken, golden, shown_of


def test_a_crossing_says_which_score_that_was_named() -> None:
    shown = shown_of([golden("grade.crossed")], rule(kind=Kind.FUNDAMENTAL, above=8500, below=2000))

    assert assert_taken(shown).splitlines() == [
        "🔵 BTC went above 85",
        "Bitcoin · fundamental grade 84.9 → 85.3 (+0.4)",
        "Blue Chip for 2 days before",
        "As of 3 Nov 2026 00:00 UTC · source: demo",
        f"Told because you follow BTC: fundamental above 85 or below 20. {DISCLAIMER}",
    ]


def test_a_move_within_a_window_says_where_it_began_and_not_what_the_last_step_was() -> None:
    asked = rule(kind=Kind.FUNDAMENTAL, window=Window.WEEK_POINTS, rise=900)

    assert assert_taken(shown_of([golden("grade.rose")], asked)).splitlines() == [
        "🟢 BTC rose 9.4 points within 7 days",
        "Bitcoin · fundamental grade 50.0 → 59.4 (+9.4)",
        "Since 1 Nov 2026 00:00 UTC; now Speculative",
        "As of 4 Nov 2026 00:00 UTC · source: demo",
        f"Told because you follow BTC: fundamental up 9 points or more within 7 days. {DISCLAIMER}",
    ]


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("grade.upgraded", {}, "you follow BTC"),
        ("grade.upgraded", {"token": None}, "you follow all tokens"),
        ("grade.upgraded", {"min_notches": 2}, "you follow BTC: changes of 2 bands or more"),
        (
            "grade.upgraded",
            {"min_notches": 2, "other_at_least": 8000},
            "you follow BTC: changes of 2 bands or more while fundamental is at least 80",
        ),
        ("grade.crossed", {"above": 8500}, "you follow BTC: trader above 85"),
        (
            "grade.downgraded",
            {"min_notches": 2, "min_delta": 750},
            "you follow T1: changes of 2 bands and 7.5 points or more",
        ),
        ("grade.moved", {"min_notches": 2}, "you follow BTC"),
        ("grade.moved", {"min_delta": 500}, "you follow BTC: moves of 5 points or more"),
        ("grade.moved", {"min_delta": 100}, "you follow BTC: moves of 1 point or more"),
        ("grade.initiated", {"min_notches": 2, "min_delta": 500}, "you follow BTC"),
    ],
)
def test_what_matched_is_said(name: str, given: dict[str, Any], reason: str) -> None:
    last = assert_taken(shown_of([golden(name)], rule(**given))).splitlines()[-1]

    assert last == f"Told because {reason}. Model output, not financial advice."


@pytest.mark.parametrize(
    ("names", "given", "reason"),
    [
        (["upgraded", "downgraded"], {}, "Told because you follow these tokens. "),
        (["upgraded", "reinstated"], {}, "Told because you follow BTC. "),
        (["upgraded", "downgraded"], {"token": None}, "Told because you follow all tokens. "),
        (
            ["upgraded", "downgraded"],
            {"token": None, "min_notches": 2},
            "Told because you follow all tokens: changes of 2 bands or more. ",
        ),
        (["upgraded", "moved"], {"min_notches": 2}, ""),
    ],
)
def test_what_matched_is_said_of_several_where_it_is_the_same(
    names: list[str], given: dict[str, Any], reason: str
) -> None:
    bodies = [golden(f"grade.{name}") for name in names]

    last = assert_taken(shown_of(bodies, rule(**given))).splitlines()[-1]

    assert last == f"{reason}Model output, not financial advice."
