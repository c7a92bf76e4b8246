"""An event in Telegram: told in words, within the limits, and links to nothing it was not given."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.telegram_buttons import Verb, Wanted, keyboard, read_data
from alerts.channels.telegram_markup import as_plain, literal
from alerts.channels.telegram_messages import (
    ROWS_ON_A_PAGE,
    ROWS_SHOWN,
    TelegramMessage,
    headline,
    page_lines,
    render,
)
from alerts.domain.events import Draft, without_data
from alerts.domain.notices import test_event as notice
from alerts.domain.payloads import TokenView
from alerts.domain.subscriptions import Subscription
from alerts.ports import Letter
from tests.builders import day, token
from tests.channels.made_weeks import body_of, week_of
from tests.channels.telegrams import rule
from tests.domain.telling import UPGRADED, body, data, draft, fundamental
from tests.domain.test_events import EVENTS, HOUSE
from tests.telegram.markup import read_keyboard, read_text

GOLDEN = Path(__file__).parent.parent / "golden"
TELLS = sorted({*EVENTS} - {"digest.weekly"})
OURS = {"bold", "italic", "text_link", "date_time"}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def shown_of(bodies: Sequence[bytes], rule: Subscription | None = None) -> TelegramMessage:
    """What a parcel of these looks like."""
    return render([Letter("dlv_1", "evt_1", each, rule) for each in bodies])


def plain(message: TelegramMessage) -> dict[str, Any]:
    """A message as a file shows it."""
    return {"html": message.html.split("\n"), "buttons": keyboard(message.buttons)}


def assert_taken(message: TelegramMessage) -> str:
    """It is taken as it is meant: our own markup alone means anything. What a reader sees."""
    text, entities = read_text(message.html, "HTML")
    assert text == message.plain
    assert {each["type"] for each in entities} <= OURS
    assert read_text(message.plain, "")
    if message.buttons:
        read_keyboard(keyboard(message.buttons))
    return text


@pytest.mark.parametrize(
    ("name", "bodies"),
    [
        *((name, [golden(name)]) for name in ("grade.upgraded", "grade.withdrawn")),
        ("summary", [golden(name) for name in TELLS if name.startswith("grade.")]),
        ("digest", [body_of(week_of(60))]),
    ],
    ids=["upgraded", "withdrawn", "summary", "digest"],
)
def test_it_looks_as_it_did(name: str, bodies: list[bytes]) -> None:
    shown = plain(shown_of(bodies))

    expected = json.loads((GOLDEN / "telegram" / f"{name}.json").read_text())
    assert shown == expected


@pytest.mark.parametrize("name", TELLS)
def test_every_event_can_be_shown_alone_and_among_others(name: str) -> None:
    assert_taken(shown_of([golden(name)]))
    assert_taken(shown_of([golden(name), golden("grade.upgraded")]))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("grade.downgraded", "🔴 T1 downgraded: Store of Value → High Risk"),
        ("grade.moved", "🔵 BTC moved within Emerging"),
        ("grade.upgraded.renamed", "🟢 POL (was MATIC) upgraded: Speculative → Emerging"),
        ("grade.crossed", "🔵 BTC went up to 85.3"),
        ("grade.rose", "🟢 BTC rose 9.4 points within 7 days"),
        ("grade.fell", "🔴 BTC fell 20 % within 1 day"),
        ("grade.initiated", "🔵 BTC is graded for the first time: Emerging"),
        ("grade.withdrawn", "🔵 BTC is no longer graded"),
        ("grade.reinstated", "🔵 BTC is graded again: High Risk"),
        ("grade.restated", "🔵 Correction: BTC is Emerging"),
        ("endpoint.failing", "Endpoint failing"),
    ],
)
def test_the_first_line_alone_tells_it(name: str, first: str) -> None:
    assert assert_taken(shown_of([golden(name)])).splitlines()[0] == first


def test_an_upgrade_says_who_from_where_to_where_since_when_why_and_by_which_rule() -> None:
    lines = assert_taken(shown_of([body(UPGRADED)])).splitlines()

    assert lines == [
        "🟢 BTC upgraded: Emerging → Blue Chip",
        "Bitcoin · fundamental grade 78.9 → 83.1 (+4.2)",
        "Emerging for 41 days before",
        "Components that moved: community −37.5, tokenomics +2.7",
        "As of 12 Dec 2026 00:00 UTC · source: demo",
        "Told because you follow upgrades. Model output, not financial advice.",
    ]


def test_a_test_shows_a_real_change_and_has_nothing_to_press() -> None:
    message = shown_of([body(notice("evt_1", at=day(0), audience=HOUSE, example=data(UPGRADED)))])

    assert message.plain.startswith("Test · 🟢 BTC upgraded")
    assert "Told because you asked for a test." in message.plain
    assert message.buttons == ()


def test_what_was_expunged_is_not_shown() -> None:
    assert "BTC" not in assert_taken(shown_of([without_data(body(UPGRADED))]))
    assert headline(without_data(body(UPGRADED))) == "🟢 Grade upgraded"


def test_several_changes_are_a_line_each_and_those_without_room_are_counted() -> None:
    few = assert_taken(shown_of([golden("grade.upgraded"), golden("grade.downgraded")]))
    summary = shown_of([golden("grade.upgraded")] * 500)
    many = assert_taken(summary)

    assert few.splitlines()[0] == "2 changes: 🟢 1 up · 🔴 1 down"
    assert len(few.splitlines()) == 5
    assert sum(line.startswith("🟢 BTC") for line in many.splitlines()) == ROWS_SHOWN
    assert f"and {500 - ROWS_SHOWN} more" in many.splitlines()
    assert [button.label for button in summary.buttons[0]] == ["Show all 500", "✏️ Edit"]


def test_all_that_was_told_at_once_is_shown_in_pages() -> None:
    bodies = [golden("grade.upgraded")] * ROWS_ON_A_PAGE + [golden("grade.downgraded")]

    first, second = (as_plain(page_lines(bodies, page)).splitlines() for page in (1, 2))

    assert first[0] == second[0] == "26 changes: 🟢 25 up · 🔴 1 down"
    assert sum(line.startswith("🟢") for line in first) == ROWS_ON_A_PAGE
    assert [line.startswith("🔴 T1") for line in second] == [False, True, False, False]


@pytest.mark.parametrize("changes", [0, 1, 500])
def test_a_digest_is_told_however_much_is_in_it(changes: int) -> None:
    text = assert_taken(shown_of([body_of(week_of(changes))]))

    lines = text.splitlines()
    assert lines[0].startswith("Weekly grades · ")
    assert lines[-1] == "Model output, not financial advice."
    assert ("A quiet week: nothing changed." in lines) is (changes == 0)
    assert any(line.startswith("and ") for line in lines) is (changes == 500)


def test_a_digest_that_was_expunged_is_not_shown() -> None:
    assert "BTC" not in assert_taken(shown_of([without_data(body_of(week_of(1)))]))


def named(symbol: str, name: str, url: str | None) -> Draft:
    view = TokenView(token(1), symbol, name, url)
    return draft(fundamental(0, 50), fundamental(1, 65), view=view)


@given(
    symbol=st.text(min_size=1),
    name=st.text(),
    url=st.none() | st.text().map("https://a.example/{}".format),
    others=st.integers(0, 60),
    asked=st.none() | st.builds(rule, token=st.none() | st.just(token(1)), min_notches=st.just(3)),
)
def test_whatever_a_token_is_called_it_means_nothing_and_there_is_room(
    symbol: str, name: str, url: str | None, others: int, asked: Subscription | None
) -> None:
    event = body(named(symbol * 9, name * 9, url))

    assert_taken(shown_of([event] * (others + 1), asked))


@pytest.mark.parametrize(
    "name",
    [
        "evil.com",
        "@ada",
        "/stop",
        "#one",
        "$BTC",
        "https://evil.com/x",
        "<b>",
        "&lt;",
        "a</b>",
        "x",
    ],
)
def test_a_name_with_ideas_of_its_own_is_shown_as_text(name: str) -> None:
    shown = assert_taken(shown_of([body(named(name, name, None))]))

    assert f"🟢 {name} upgraded" in shown.replace("\u2060", "")


def test_a_name_from_the_right_keeps_its_direction_to_itself() -> None:
    assert literal("عملة") == "\u2068عملة\u2069"


@given(st.sampled_from(Verb), st.from_regex(r"\A(?:evt|cyc)_[0-9a-z]{26}\Z"))
def test_a_button_is_short_enough_and_says_what_it_was_for(verb: Verb, subject: str) -> None:
    wanted = Wanted(verb, subject)

    assert len(wanted.data.encode()) <= 64
    assert read_data(wanted.data) == wanted
    assert read_data(Wanted(verb).data) == Wanted(verb)


@pytest.mark.parametrize("data_of", ["", "v0:mute:evt_1", "v1:fly", "v1:mute:", "v1:mute:é", "x"])
def test_a_button_of_another_version_is_known_to_be_none_of_ours(data_of: str) -> None:
    assert read_data(data_of) is None
