"""The word that was meant: the one that fewest slips of the finger lead away from."""

import pytest

from alerts.domain.nearest import nearest, nearest_first

SYMBOLS = ("BTC", "BCH", "CTA", "CAT", "XOR", "XRP", "SPR", "SOL", "SLO1", "LINK", "KLIN", "PEPE")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("bct", "BTC"),
        ("BTCC", "BTC"),
        ("XPR", "XRP"),
        ("SLO", "SOL"),
        ("SOLL", "SOL"),
        ("LNK", "LINK"),
        ("PEP", "PEPE"),
    ],
)
def test_the_word_with_fewest_slips_is_the_nearest(typed: str, meant: str) -> None:
    assert nearest(typed, SYMBOLS, most=5)[0] == meant


def test_what_looks_like_nothing_has_nothing_near() -> None:
    assert nearest("qqq", SYMBOLS, most=5) == ()


def test_no_more_are_named_than_are_wanted() -> None:
    assert len(nearest("BTC", [f"BTC{letter}" for letter in "ABCDEFGH"], most=3)) == 3


def test_all_words_are_there_once_and_the_nearest_come_first() -> None:
    known = ("grade.moved", "grade.upgraded", "grade.downgraded", "endpoint.test")

    ranked = nearest_first("grade.downgrade", known)

    assert ranked[0] == "grade.downgraded"
    assert sorted(ranked) == sorted(known)


def test_a_word_of_any_length_is_answered_at_once() -> None:
    assert nearest("A" * 2_000_000, ["A" * 120], most=1) == ("A" * 120,)
