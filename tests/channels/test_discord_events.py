"""An event in Discord: told at once, in words, within the limits."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.discord_messages import render
from alerts.domain.events import Draft, without_data
from alerts.domain.notices import test_event as notice
from alerts.domain.payloads import TokenView
from tests.builders import day, token
from tests.channels.made_weeks import body_of, week_of
from tests.channels.test_discord_digests import assert_within_limits
from tests.domain.telling import UPGRADED, body, data, draft, fundamental
from tests.domain.test_events import EVENTS, HOUSE

GOLDEN = Path(__file__).parent.parent / "golden"
MASS = "Part of a mass move: 396 of 998 fundamental grades changed band at once"


def shown(event: Draft) -> Any:  # noqa: ANN401 - JSON.
    (embed,) = render(body(event)).embeds
    return embed


@pytest.mark.parametrize("name", sorted({*EVENTS} - {"digest.weekly"}))
def test_every_event_can_be_shown(name: str) -> None:
    message = render((GOLDEN / f"{name}.json").read_bytes())

    assert_within_limits(message)
    assert message.picture is None


def test_an_upgrade_says_who_from_where_to_where_and_why() -> None:
    embed = shown(UPGRADED)

    assert embed["title"] == "▲ BTC upgraded: Emerging → Blue Chip"
    assert embed["url"] == "https://example.com/bitcoin"
    assert embed["description"].splitlines()[:4] == [
        "Bitcoin · fundamental grade",
        "78.9 → **83.1** (+4.2)",
        "Emerging for 41 days before",
        "community −37.5, tokenomics +2.7",
    ]


def test_a_move_within_a_window_says_where_it_began() -> None:
    embed: Any = render((GOLDEN / "grade.fell.json").read_bytes()).embeds[0]

    assert embed["title"] == "▼ BTC fell 20 % within 1 day"
    assert embed["description"].splitlines() == [
        "Bitcoin · fundamental grade",
        "78.5 → **62.8** (−15.7)",
        "Since <t:1793491200:f>; now Emerging",
        "As of <t:1793577600:f>",
    ]


def test_one_of_very_many_changes_says_so() -> None:
    alone: Any = render((GOLDEN / "grade.downgraded.json").read_bytes()).embeds[0]
    mass: Any = render((GOLDEN / "grade.downgraded.mass.json").read_bytes()).embeds[0]

    assert f"{MASS}, 14 up and 382 down" in mass["description"].splitlines()
    assert "mass move" not in alone["description"]


def test_several_changes_are_one_message_with_a_line_each() -> None:
    told = ("downgraded.mass", "upgraded", "moved", "rose", "withdrawn")
    names = [f"grade.{name}" for name in told]

    (embed,) = render(*((GOLDEN / f"{name}.json").read_bytes() for name in names)).embeds

    shown: Any = embed
    assert shown["title"] == "5 changes: ▲ 2 up · ▼ 1 down"
    assert shown["description"].splitlines() == [
        f"{MASS}, 14 up and 382 down",
        "▼ T1 downgraded: Store of Value → High Risk · 12.3 (−82.7)",
        "▲ BTC upgraded: Emerging → Blue Chip · 83.1 (+4.2)",
        "BTC moved within Emerging · 71.5 (+5.5)",
        "▲ BTC rose 9.4 points within 7 days · 50.0 → 59.4",
        "BTC is no longer graded",
        "As of <t:1797033600:f>",
    ]


def test_of_very_many_those_without_room_are_counted_within_the_limits() -> None:
    view = TokenView(token(1), "W" * 300, "*" * 300)
    told = body(draft(fundamental(0, 50), fundamental(1, 65), view=view))

    message = render(*[told] * 500)

    assert_within_limits(message)
    (embed,) = message.embeds
    assert "and 460 more" in str(embed["description"]).splitlines()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("grade.downgraded", "▼ T1 downgraded: Store of Value → High Risk"),
        ("grade.moved", "BTC moved within Emerging"),
        ("grade.upgraded.renamed", "▲ POL (was MATIC) upgraded: Speculative → Emerging"),
        ("grade.initiated", "BTC is graded for the first time: Emerging"),
        ("grade.withdrawn", "BTC is no longer graded"),
        ("grade.reinstated", "BTC is graded again: High Risk"),
        ("grade.restated", "Correction: BTC is Emerging"),
        ("endpoint.failing", "Endpoint failing"),
    ],
)
def test_the_title_says_what_happened(name: str, title: str) -> None:
    embed: Any = render((GOLDEN / f"{name}.json").read_bytes()).embeds[0]

    assert embed["title"] == title


def test_a_test_shows_a_real_change_and_says_that_it_is_a_test() -> None:
    example = data(UPGRADED)

    embed = shown(notice("evt_1", at=day(0), audience=HOUSE, example=example))

    assert embed["title"] == "Test · ▲ BTC upgraded: Emerging → Blue Chip"


def test_a_test_without_any_change_yet_says_that_it_works() -> None:
    embed = shown(notice("evt_1", at=day(0), audience=HOUSE, example=None))

    assert embed["title"] == "Endpoint test"
    assert "It works" in embed["description"].replace("\\", "")


@pytest.mark.parametrize("told", [body(UPGRADED), body_of(week_of(1))], ids=["event", "digest"])
def test_what_was_expunged_is_not_shown(told: bytes) -> None:
    message = render(without_data(told))

    assert_within_limits(message)
    assert "BTC" not in repr(message)


@given(symbol=st.text(min_size=1), name=st.text(), url=st.none() | st.just("https://a.example/"))
def test_whatever_a_token_is_called_the_message_is_within_the_limits(
    symbol: str, name: str, url: str | None
) -> None:
    view = TokenView(token(1), symbol * 9, name * 9, url)

    assert_within_limits(render(body(draft(fundamental(0, 50), fundamental(1, 65), view=view))))
