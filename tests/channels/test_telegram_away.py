"""What quiet hours held back, told at once: where each grade came to, by way of where."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.telegram_markup import MOST_TEXT
from alerts.channels.telegram_messages import ROWS_SHOWN, TelegramMessage, render
from alerts.domain.deliveries import DeferredReason
from alerts.domain.events import without_data
from alerts.domain.payloads import TokenView
from alerts.ports import Letter
from tests.builders import token
from tests.channels.telegrams import open_sender, to
from tests.channels.test_telegram_messages import assert_taken, golden, plain, shown_of
from tests.domain.telling import body, draft, fundamental

GOLDEN = Path(__file__).parent.parent / "golden"
HOURS = "22:00–07:00"


def story(symbol: str, *scores: float, name: str = "") -> list[bytes]:
    """What is told of a token whose score goes this way, a day each; of the first nothing."""
    view = TokenView(token(f"{symbol}{name}"), symbol, name, None)
    swept = [fundamental(number, score, t2=50) for number, score in enumerate(scores)]
    return [body(draft(*swept[: number + 1], view=view)) for number in range(1, len(swept))]


def held(bodies: Sequence[bytes], *, hours: str = HOURS) -> TelegramMessage:
    """What a parcel of these looks like, which quiet hours held back."""
    letters = [
        Letter("dlv_1", "evt_1", each, deferred_reason=DeferredReason.QUIET_HOURS)
        for each in bodies
    ]
    return render(letters, quiet_hours=hours)


def told(*bodies: bytes, hours: str = HOURS) -> list[str]:
    return assert_taken(held(bodies, hours=hours)).splitlines()


def test_it_looks_as_it_did() -> None:
    night = [
        *story("BTC", 55, 85),
        *story("ETH", 55, 70, 55),
        *story("SOL", 85, 55, 45),
        *story("ADA", 55, 70, 85),
        *story("DOT", 85, 30),
    ]

    shown = plain(held(night))

    assert shown == json.loads((GOLDEN / "telegram" / "away.json").read_text())


@pytest.mark.parametrize(
    ("scores", "line"),
    [
        ((55, 85), "🟢 BTC Speculative → Blue Chip · 85.0 (+30.0)"),
        ((55, 70, 85), "🟢 BTC Speculative → Blue Chip · 85.0 (+30.0)"),
        ((55, 95, 85), "🟢 BTC Speculative → Blue Chip · 85.0 (+30.0)"),
        ((55, 30, 85), "🟢 BTC Speculative → Blue Chip · 85.0 (+30.0)"),
        ((85, 55, 50), "🔴 BTC Blue Chip → Speculative · 50.0 (−35.0)"),
    ],
)
def test_several_changes_of_a_grade_are_told_as_what_they_came_to(
    scores: Sequence[float], line: str
) -> None:
    assert line in told(*story("BTC", *scores), *story("ETH", 50, 85))


@pytest.mark.parametrize(
    ("scores", "line"),
    [
        (
            (55, 70, 50),
            "🔵 BTC was upgraded to Emerging and is back at Speculative · 50.0 (−5.0)",
        ),
        (
            (55, 30, 57),
            "🔵 BTC was downgraded to High Risk and is back at Speculative · 57.0 (+2.0)",
        ),
        (
            (55, 70, 95, 85, 55),
            "🔵 BTC was upgraded to Store of Value and is back at Speculative · 55.0 (+0.0)",
        ),
    ],
)
def test_a_change_that_was_reversed_meanwhile_is_told_as_such(
    scores: Sequence[float], line: str
) -> None:
    lines = told(*story("BTC", *scores))

    assert lines[0] == f"While you were away ({HOURS})"
    assert lines[1] == line
    assert len(lines) == 4


def test_tokens_of_one_symbol_are_told_apart_by_their_names() -> None:
    lines = told(*story("SOL", 55, 85, name="Solana"), *story("SOL", 55, 70, 55, name="Solstice"))

    assert lines[1:3] == [
        "🟢 SOL (Solana) Speculative → Blue Chip · 85.0 (+30.0)",
        "🔵 SOL (Solstice) was upgraded to Emerging and is back at Speculative · 55.0 (+0.0)",
    ]


def test_moves_within_a_band_come_to_one_move() -> None:
    assert told(*story("BTC", 62, 68, 75))[1] == "🔵 BTC Emerging · 75.0 (+13.0)"


def test_what_a_rule_asked_for_is_told_beside_what_became_of_the_band() -> None:
    rose, crossed = (golden(f"grade.{name}") for name in ("rose", "crossed"))

    assert told(*story("1", 55, 85), crossed, rose)[1:4] == [
        "🟢 1 Speculative → Blue Chip · 85.0 (+30.0)",
        "🟢 BTC rose 9.4 points within 7 days · 50.0 → 59.4",
        "🔵 BTC Blue Chip · 85.3 (+0.4), now 59.4",
    ]


def test_of_what_a_rule_asked_for_it_is_said_where_the_score_is_since() -> None:
    rose = golden("grade.rose")
    falls, climbs = (
        rose.replace(b"grade.rose", b"grade.moved").replace(b"59.4", score)
        for score in (b"51.2", b"64.3")
    )

    back, farther, ended = (
        told(rose, later)[1] for later in (falls, climbs, golden("grade.withdrawn"))
    )

    assert back == "🔵 BTC rose 9.4 points within 7 days · 50.0 → 59.4, now 51.2"
    assert farther == "🟢 BTC rose 9.4 points within 7 days · 50.0 → 59.4, now 64.3"
    assert ended == "🟢 BTC rose 9.4 points within 7 days · 50.0 → 59.4"


def test_a_grade_that_ended_or_began_meanwhile_is_told_as_that() -> None:
    bitcoin, ether = (TokenView(token(name), name, "", None) for name in ("BTC", "ETH"))
    before = [fundamental(0, 55, t2=50), fundamental(1, 70, t2=50)]
    absent = [fundamental(number, None, t2=50) for number in range(2, 9)]
    first = [fundamental(0, None, t2=50), fundamental(1, 55, t2=50)]

    lines = told(
        body(draft(*before, view=bitcoin)),
        body(draft(*before, *absent, view=bitcoin)),
        body(draft(*first, view=ether)),
        body(draft(*first, fundamental(2, 85, t2=50), view=ether)),
    )

    assert lines[1:3] == [
        "🔵 BTC is no longer graded",
        "🔵 ETH is graded for the first time: Blue Chip",
    ]


def test_one_change_is_told_in_full_under_the_title() -> None:
    (one,) = story("BTC", 55, 85)

    with_title, without = told(one), assert_taken(shown_of([one])).splitlines()

    assert with_title == [f"While you were away ({HOURS})", *without]
    assert held([one]).buttons == shown_of([one]).buttons
    assert told(one, hours="")[0] == "While you were away"


def test_upgrades_come_first_and_what_there_is_no_room_for_is_counted() -> None:
    night = [
        each
        for number in range(60)
        for each in story(f"T{number}", *((85, 30) if number % 2 else (30, 85)))
    ]

    message = held(night)

    lines = assert_taken(message).splitlines()
    assert lines[0] == f"While you were away ({HOURS}): 🟢 30 up · 🔴 30 down"
    assert all(line.startswith("🟢") for line in lines[1 : ROWS_SHOWN + 1])
    assert f"and {60 - ROWS_SHOWN} more" in lines
    assert [button.label for button in message.buttons[0]] == ["Show all 60", "✏️ Edit"]


def test_what_was_expunged_says_nothing_and_is_no_part_of_another_story() -> None:
    up, down = story("BTC", 55, 85, 30)

    lines = told(without_data(up), down)

    assert lines[1:3] == ["🔴 BTC Blue Chip → High Risk · 30.0 (−55.0)", "Grade upgraded"]


@given(
    symbols=st.lists(st.text(min_size=1), min_size=1, max_size=30, unique=True),
    path=st.lists(st.sampled_from([10, 30, 50, 70, 85, 95]), min_size=2, max_size=4),
    hours=st.sampled_from(["", HOURS]),
)
def test_whatever_tokens_are_called_it_is_taken_and_there_is_room(
    symbols: list[str], path: list[float], hours: str
) -> None:
    if len(set(path)) == 1:
        return
    scores = [each for number, each in enumerate(path) if not number or path[number - 1] != each]
    night = [each for symbol in symbols for each in story(symbol * 9, *scores)]

    assert len(assert_taken(held(night, hours=hours))) <= MOST_TEXT


async def test_the_sender_says_so_of_what_quiet_hours_held_back_and_of_nothing_else() -> None:
    (one,) = story("BTC", 55, 85)
    async with open_sender() as (telegram, sender):
        chat = telegram.world.started("Ada")
        quiet = replace(to(chat), quiet_hours=HOURS)

        for reason in (DeferredReason.QUIET_HOURS, None):
            await sender.send(quiet, [Letter("dlv_1", "evt_1", one, deferred_reason=reason)])

        assert [text.splitlines()[0] for text in chat.texts] == [
            f"While you were away ({HOURS})",
            "🟢 BTC upgraded: Speculative → Blue Chip",
        ]
