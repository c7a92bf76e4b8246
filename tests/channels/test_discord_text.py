"""What others wrote stands in Discord letter by letter, and does nothing there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.discord_text import LONGEST_NAME, linked, literal, shown, width

ISOLATES = "\u2068\u2069"


def unescaped(text: str) -> str:
    """What Discord makes of backslashes: the sign after each stands for itself."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)


def read(text: str) -> str:
    """What a reader sees of a name."""
    return unescaped(text).strip(ISOLATES)


@given(st.text())
def test_a_name_is_read_as_it_is(name: str) -> None:
    assert read(literal(name, most=1000)) == shown(name, most=1000)


@given(st.text(alphabet="\\`*_~|<>[](){}@#:+=-!.ab/\u202e\u200d"))
def test_no_sign_of_a_name_means_anything(name: str) -> None:
    left = re.sub(r"\\.", "", literal(name))

    assert not set(left) & set("\\`*_~|<>[](){}@#:+=-!.")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("███", "███"),
        ("@everyone", "@everyone"),
        ("<@&123>", "<@&123>"),
        ("**bold** _it_ `code` ||spoiler||", "**bold** _it_ `code` ||spoiler||"),
        ("[a](https://a.example)", "[a](https://a.example)"),
        ("<t:1795363200:R>", "<t:1795363200:R>"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u200bb\nc", "abc"),
        ("عملة", "عملة"),
        ("\u200b", "?"),
        ("🚀🚀", "🚀🚀"),
    ],
)
def test_a_name_with_ideas_of_its_own_is_shown_as_text(name: str, seen: str) -> None:
    assert read(literal(name)) == seen


def test_a_name_from_the_right_keeps_its_direction_to_itself() -> None:
    assert literal("عملة") == "\u2068عملة\u2069"
    assert literal("BTC") == "BTC"


def test_a_long_name_is_cut_and_says_so() -> None:
    cut = literal("x" * 500)

    assert cut == "x" * (LONGEST_NAME - 1) + "…"


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("BTC", "https://a.example/btc", "[**BTC**](https://a.example/btc)"),
        ("BTC", "https://a.example/(btc)", "[**BTC**](https://a.example/%28btc%29)"),
        ("BTC", None, "**BTC**"),
        ("BTC", "https://a.example/" + "x" * 300, "**BTC**"),
        ("BTC", "https://a.example/a b", "**BTC**"),
        ("[x](", "https://a.example/", r"**\[x\]\(**"),
        ("a.example", "https://b.example/", r"**a\.example**"),
    ],
)
def test_a_name_leads_to_its_page_where_nobody_could_be_misled(
    name: str, url: str | None, expected: str
) -> None:
    assert linked(name, url) == expected


def test_a_text_is_as_wide_as_discord_may_count_it() -> None:
    assert width("aé€") == 3
    assert width("🚀") == 2
    assert width("\ud800") == 1
