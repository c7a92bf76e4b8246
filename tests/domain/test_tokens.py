"""How a token is named to people: its page, and the symbol that was meant."""

import pytest

from alerts.domain.tokens import NEAREST_SHOWN, nearest_symbols, token_page
from tests.builders import token

KNOWN = (
    ("BTC", "Bitcoin"),
    ("BCH", "Bitcoin Cash"),
    *((symbol, symbol) for symbol in ("WBTC", "ETH", "stETH", "DOGE", "BTT", "BTG", "TBTC", "CAT")),
)


@pytest.mark.parametrize(
    ("template", "page"),
    [
        ("https://example.com/{symbol}", "https://example.com/BTC"),
        ("https://example.com/{slug}?id={id}", "https://example.com/bit-coin-2?id=3375"),
        ("https://example.com/all", "https://example.com/all"),
        ("https://example.com/{other}", "https://example.com/{other}"),
        ("", None),
        (None, None),
    ],
)
def test_a_page_is_its_template_filled_in(template: str | None, page: str | None) -> None:
    assert token_page(template, token(3375), symbol="BTC", name="Bit Coin (2)") == page


def test_what_is_filled_in_stays_one_segment() -> None:
    page = token_page("https://example.com/{symbol}", token(), symbol="../{id}?a=b#c", name="")

    assert page == "https://example.com/..%2F%7Bid%7D%3Fa%3Db%23c"


def test_a_name_without_letters_gives_its_slug_to_the_symbol() -> None:
    page = token_page("https://example.com/{slug}", token(), symbol="MOON", name="🚀🚀")

    assert page == "https://example.com/moon"


def test_the_nearest_symbols_come_nearest_first_and_are_few() -> None:
    found = nearest_symbols("btcc", KNOWN)

    assert found[0] == "BTC"
    assert len(found) <= NEAREST_SHOWN
    assert set(found) <= {symbol for symbol, _ in KNOWN}


def test_whoever_gives_the_name_is_told_the_symbol() -> None:
    assert nearest_symbols("bitcoin", KNOWN)[0] == "BTC"


def test_a_symbol_like_no_other_has_none_near() -> None:
    assert nearest_symbols("zzzz", KNOWN) == ()
