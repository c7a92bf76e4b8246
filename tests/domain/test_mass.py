"""Mass moves: thirty percent of a kind's tokens, and not of a handful."""

import pytest

from alerts.domain.events import EventType, MassMove
from alerts.domain.mass import mass_move

UP, DOWN, MOVED = EventType.UPGRADED, EventType.DOWNGRADED, EventType.MOVED


@pytest.mark.parametrize(
    ("types", "tokens", "found"),
    [
        ([UP] * 10 + [DOWN] * 20, 100, MassMove(10, 20, 100)),
        ([UP] * 10 + [DOWN] * 19, 100, None),
        ([UP] * 10 + [MOVED] * 90, 100, None),
        ([EventType.INITIATED] * 100, 100, None),
        ([DOWN] * 9, 9, None),
        ([DOWN] * 10, 10, MassMove(0, 10, 10)),
        ([UP] * 20, 5, MassMove(20, 0, 20)),
        ([], 0, None),
    ],
    ids=["30 %", "29 %", "moves", "first grades", "nine", "ten", "more than known", "nothing"],
)
def test_a_mass_is_a_third_of_many(
    types: list[EventType], tokens: int, found: MassMove | None
) -> None:
    assert mass_move(types, tokens=tokens) == found
