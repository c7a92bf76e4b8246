"""Words that are the same on every platform."""

from alerts.channels.wording import component_moves


def move(name: str, delta: float | None) -> dict[str, object]:
    return {"name": name, "from": 5.0, "to": None, "delta": delta}


def test_components_are_named_with_what_can_be_seen_of_their_change() -> None:
    moves = [move("on_chain", -2.34), move("team", 0.05), move("quant", -0.04), move("new", None)]

    assert component_moves(moves, most=3) == [("on chain", "−2.3"), ("team", "+0.1")]
    assert component_moves(moves, most=1) == [("on chain", "−2.3")]
    assert component_moves([move("quant", -0.0)], most=3) == []
