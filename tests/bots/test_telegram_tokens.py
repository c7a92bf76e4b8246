"""What people type and press about tokens, and what our bot on Telegram says to it."""

from collections.abc import AsyncIterator

import pytest

from tests.bots.graded import followed, grade, open_graded
from tests.bots.talks import Talk, labels, open_talk
from tests.telegram.world import Person


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_graded(sqlite_url) as opened:
        yield opened


async def says(talk: Talk, person: Person, text: str) -> str:
    """What is answered to this, which is one message."""
    (answer,) = await talk.type(person, text)
    return str(answer["text"])


async def test_what_is_subscribed_to_is_told_and_what_is_not_is_not(talk: Talk) -> None:
    ada, chat = talk.somebody()

    answer = await says(talk, ada, "/subscribe $eth")
    again = await says(talk, ada, "/subscribe ETH")
    await grade(talk, 3, 30)
    await talk.api.deliver()

    assert answer.splitlines()[:2] == ["✅ You follow ETH", "ETH Ethereum: Strong Buy 85.0"]
    assert again.splitlines()[0] == "You follow ETH already"
    assert [text for text in chat.texts if "downgraded" in text.splitlines()[0]] == [chat.texts[-1]]
    assert chat.texts[-1].startswith("🔴 ETH downgraded")


async def test_a_grade_that_is_not_fresh_says_so(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await grade(talk, 5, 85, without="4")

    stale, fresh = await says(talk, ada, "/grade SHIB"), await says(talk, ada, "/grade ETH")

    assert "⚠️ no fresh data since 2 Jan 2026" in stale.splitlines()
    assert "no fresh data" not in fresh


async def test_without_words_it_explains_and_offers_tokens_that_there_are(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (answer,) = await talk.type(ada, "/subscribe")
    await talk.press(ada, answer, "ETH")

    assert "/subscribe BTC ETH" in answer["text"]
    assert labels(answer)[:2] == ["BTC", "ETH"]
    assert chat.texts[-1].startswith("✅ You follow ETH")
    assert await followed(talk) == ("demo:2",)


async def test_what_is_clear_is_done_and_what_is_not_is_asked_about(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (answer,) = await talk.type(ada, "/subscribe btc, eth SHIP")
    both, near = answer["text"].split("\n\n")[1:]
    await talk.press(ada, answer, "2 · BTC Wrapped Bitcoin")
    await talk.press(ada, answer, "3 · SHIB Shiba Inu")

    assert answer["text"].startswith("✅ You follow ETH\n")
    assert both.splitlines() == [
        "2 tokens are called BTC. Which one do you mean?",
        "1. BTC Bitcoin: Strong Buy 85.0 · demo:1",
        "2. BTC Wrapped Bitcoin: Strong Buy 85.0 · demo:3",
    ]
    assert near.startswith("I know no token SHIP. Do you mean one of these?\n3. SHIB Shiba Inu")
    assert [text.splitlines()[0] for text in chat.texts[-2:]] == [
        "✅ You follow BTC",
        "✅ You follow SHIB",
    ]
    assert await followed(talk) == ("demo:2", "demo:3", "demo:4")


async def test_one_question_is_answered_in_its_place(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (asked,) = await talk.type(ada, "/subscribe BTC")
    await talk.press(ada, asked, "1 · BTC Bitcoin")

    (only,) = chat.texts
    assert only.startswith("✅ You follow BTC\n")


async def test_what_is_left_out_can_be_had_back(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/subscribe ETH Bitcoin demo:3 SHIB")

    (answer,) = await talk.type(ada, "/unsubscribe shiba inu")
    gone = str(answer["text"])
    left = await followed(talk)
    await talk.press(ada, answer, "↩ Undo SHIB")

    assert gone.splitlines() == ["SHIB is not followed any more", "You follow 3 tokens now."]
    assert left == ("demo:1", "demo:2", "demo:3")
    assert len(await followed(talk)) == 4
    assert chat.texts[-1].startswith("✅ You follow SHIB")


async def test_of_two_that_bear_a_symbol_one_is_left_out_once_it_is_said_which(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.type(ada, "/subscribe demo:1 demo:3 ETH")

    (asked,) = await talk.type(ada, "/unsubscribe BTC DOGE ETH")
    await talk.press(ada, asked, "1 · BTC Bitcoin")

    assert "ETH is not followed any more" in asked["text"]
    assert "Not followed here: DOGE." in asked["text"]
    assert await followed(talk) == ("demo:3",)


async def test_without_words_what_is_followed_is_shown_to_choose_from(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/subscribe demo:1 demo:3 ETH")

    (menu,) = await talk.type(ada, "/unsubscribe")
    shown = labels(menu)
    pressed = await talk.press(ada, menu, "ETH")
    without = labels(chat.messages[-1])
    await talk.press(ada, chat.messages[-1], "↩ Undo ETH")

    assert shown == ["BTC Bitcoin", "BTC Wrapped Bitcoin", "ETH", "📋 List"]
    assert pressed.answer is not None
    assert without == ["BTC Bitcoin", "BTC Wrapped Bitcoin", "↩ Undo ETH", "📋 List"]
    assert labels(chat.messages[-1]) == shown


async def test_a_grade_says_what_is_held_since_when_and_what_it_is_made_of(talk: Talk) -> None:
    ada, _ = talk.somebody()

    (shown,) = await talk.type(ada, "/grade eth")
    lines = str(shown["text"]).splitlines()
    pressed = await talk.press(ada, shown, "🔔 Subscribe")

    assert lines[:3] == [
        "ETH · Ethereum",
        "Fundamental grade: not graded yet",
        "Trader grade: Strong Buy 85.0",
    ]
    assert lines[3].startswith("since 2 Jan 2026, ")
    assert "quant grade   80.0" in lines
    assert "Last change: 🟢 upgraded, Neutral → Strong Buy (trader), 2 Jan 2026 00:00 UTC" in lines
    assert pressed.answer == {"text": "You follow ETH", "show_alert": False}
    assert labels(shown) == ["✖ Unsubscribe"]


async def test_several_grades_are_a_line_each_and_a_press_shows_one_in_full(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (shown,) = await talk.type(ada, "/grade ETH SHIB")
    await talk.press(ada, shown, "SHIB")
    (unknown,) = await talk.type(ada, "/grade zzzzzzzz")

    assert shown["text"].splitlines() == [
        "ETH Ethereum: Strong Buy 85.0",
        "SHIB Shiba Inu: Strong Buy 85.0",
    ]
    assert chat.texts[-2].startswith("SHIB · Shiba Inu")
    assert unknown["text"] == "I know no token zzzzzzzz."


async def test_of_more_grades_than_are_shown_at_once_it_is_said_how_many_are_left(
    talk: Talk,
) -> None:
    ada, _ = talk.somebody()

    told = await says(talk, ada, f"/grade ETH {' '.join(f'zzzzzz{n}' for n in range(12))}")

    assert told.endswith("I show 10 at once: ask for the other 3 again.")


async def test_the_week_is_told_and_a_quiet_one_too(talk: Talk) -> None:
    ada, _ = talk.somebody()

    told = await says(talk, ada, "/top")

    # Today is among them, so no days are named: a week's end yesterday.
    assert told.startswith("The last seven days\n")
    assert "4 upgrades, 0 downgrades among 4 tokens" in told
    assert "🟢 ETH Neutral → Strong Buy · 85.0 (+35.0)" in told


@pytest.mark.parametrize("is_graded", [False, True], ids=["nothing", "quiet"])
async def test_a_week_in_which_nothing_changed_is_said_to_be_one(
    sqlite_url: str, is_graded: bool
) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, _ = talk.somebody()
        if is_graded:
            await grade(talk, 1, 50)
        told = await says(talk, ada, "/top")

    if is_graded:
        assert told.splitlines()[0] == "A quiet week so far"
        assert "4 tokens graded" in told
    else:
        assert told == "No token is graded yet. Ask again in a while."
