"""An event on one line of a terminal."""

from typing import Any

from alerts.cli.wording import headline

TOKEN = {"id": "token_metrics:3375", "symbol": "BTC", "name": "Bitcoin"}


def event(name: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON.
    return {"type": name, "data": {"token": TOKEN, **facts}}


def at(score: float, band: str = "Neutral") -> dict[str, Any]:
    return {"score": score, "band": band, "anchor": score}


def test_a_move_shows_the_way_from_where_it_was_last_told() -> None:
    before = at(48) | {"anchor": 43.5}

    line = headline(event("grade.moved", **{"from": before, "to": at(49)})).plain

    assert line == "· BTC       moved within Neutral  48 → 49 (+5.5 since 43.5 was told)"


def test_a_move_within_a_window_shows_the_way_from_where_it_began() -> None:
    window = {"days": 7, "unit": "points", "over": 12.0, "through": 15.5, "from": at(40)}

    line = headline(event("grade.rose", window=window, **{"from": at(52), "to": at(55.5)})).plain

    assert line == "↑ BTC       rose 15.5 points within 7 days  40 → 55.5"


def test_a_crossing_shows_where_it_went() -> None:
    crossed = {"direction": "down", "over": 19.0, "through": 24.0}

    line = headline(event("grade.crossed", crossed=crossed, **{"from": at(24), "to": at(19)})).plain

    assert line == "↕ BTC       went down to 19  24 → 19"


def test_a_test_says_that_it_is_one() -> None:
    real = headline(event("endpoint.test", **{"from": at(55), "to": at(70, "Buy")})).plain
    bare = headline({"type": "endpoint.test", "data": {"message": "It works."}}).plain

    assert real == "• test BTC       Neutral → Buy  55 → 70"
    assert bare == "• test"


def test_a_symbol_that_several_bear_comes_with_its_token() -> None:
    payload = event("grade.upgraded", **{"from": at(55), "to": at(70, "Buy")})

    assert "token_metrics:3375" in headline(payload, shared={"BTC"}).plain
    assert "token_metrics:3375" not in headline(payload).plain
