"""`/why`: what a chat was told and what not, in plain words, and what would mend it."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from alerts.bots.telegram_reasons import ENDS, MISSES, SKIPS
from alerts.domain.deliveries import EndReason, Reason, SkipReason
from alerts.domain.subscriptions import Miss
from tests.bots.talks import Message, Talk, labels, open_talk, said_by_bot
from tests.faults import Fault

MOMENT = r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2} UTC"


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


def lines(message: Message) -> list[str]:
    """What a message says, its times left out."""
    return [re.sub(MOMENT, "THEN", each) for each in message["text"].split("\n")]


async def test_the_last_ten_are_told_with_reasons(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0, "sol": 50.0})
    await talk.type(ada, "/subscribe btc eth sol")
    await talk.type(ada, "/mute eth")
    await talk.api.push(2, {"btc": 95.0, "eth": 95.0, "sol": 50.0})
    await talk.api.deliver()
    await talk.type(ada, "/pause")
    await talk.api.push(3, {"btc": 95.0, "eth": 95.0, "sol": 5.0})
    await talk.api.deliver()

    (said,) = await talk.type(ada, "/why")

    shown = lines(said)
    assert shown[:4] == [
        "What happened here lately",
        "⏸ Just now this chat is paused: nothing comes.",
        "🚫 SOL downgraded (trader)",
        "      THEN · this chat was paused then",
    ]
    assert sorted(shown[4:]) == sorted(
        [
            "🚫 ETH upgraded (trader)",
            "      THEN · it was muted then",
            "✅ BTC upgraded (trader)",
            "      THEN",
        ]
    )
    assert labels(said) == ["▶️ Resume"]


async def test_who_was_told_nothing_so_far_hears_that(talk: Talk) -> None:
    ada, _ = talk.somebody()
    (stranger,) = await talk.type(ada, "/why")
    await talk.type(ada, "/start")

    (said,) = await talk.type(ada, "/why")

    assert stranger["text"] == "Nothing is told here yet: /subscribe BTC begins it."
    assert lines(said)[0] == "Nothing happened here so far."


async def test_a_change_that_was_told_and_one_not_followed(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0, "sol": 50.0})
    await talk.type(ada, "/subscribe btc")
    await talk.api.push(2, {"btc": 95.0, "eth": 95.0, "sol": 50.0})
    await talk.api.deliver()

    (told,) = await talk.type(ada, "/why btc")
    (strange,) = await talk.type(ada, "/why eth")
    unfollowed = lines(strange)
    (still,) = await talk.type(ada, "/why sol")
    await talk.press(ada, strange, "🔔 Follow ETH")
    (before,) = await talk.type(ada, "/why eth")

    assert lines(told) == [
        "🟢 BTC upgraded: Neutral → Strong Buy",
        "Trader grade, THEN",
        "✅ Told here, THEN",
    ]
    assert unfollowed[2:] == ["🚫 Not told: this token is not followed here"]
    assert lines(still)[0] == "SOL was neither upgraded nor downgraded so far."
    assert lines(before)[2] == (
        "🚫 Not told: it came before that was chosen here, or while this chat was paused"
    )


@pytest.mark.parametrize(
    ("presses", "because"),
    [
        (("Grades", "Fundamental"), MISSES[Miss.KIND]),
        (("Changes", "Downgrades"), MISSES[Miss.TYPE]),
        (("Smallest change", "3 bands"), MISSES[Miss.MIN_NOTCHES]),
        (("Scores", "Trader ›", "≥ 80"), MISSES[Miss.OTHER_UNKNOWN]),
    ],
)
async def test_what_the_settings_left_out_leads_to_the_settings(
    talk: Talk, presses: tuple[str, ...], because: str
) -> None:
    ada, chat = talk.somebody()
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    (settings,) = await talk.type(ada, "/settings")
    for name in presses:
        await talk.press(ada, settings, name)
    await talk.api.push(2, {"btc": 95.0})
    await talk.api.deliver()
    (said,) = await talk.type(ada, "/why btc")

    await talk.press(ada, said, "⚙️ Settings")

    assert lines(said)[2] == f"🚫 Not told: {because}"
    assert said_by_bot(chat)[-1]["text"].startswith("⚙️ Settings")


async def test_a_move_over_days_is_said_to_whoever_named_one(talk: Talk) -> None:
    (ada, _), (bob, _), (eve, _) = (talk.somebody(name) for name in ("Ada", "Bob", "Eve"))
    await talk.api.push(1, {"btc": 42.0})
    for person, rule in ((ada, "rises 15 points"), (bob, "rises 10 points"), (eve, "falls 10%")):
        await talk.type(person, "/subscribe btc")
        await talk.type(person, f"/settings {rule} 7 days trader")
    for day, score in ((2, 48.0), (3, 54.0)):
        await talk.api.push(day, {"btc": score})
        await talk.api.deliver()

    (less,) = await talk.type(ada, "/why btc")
    (told,) = await talk.type(bob, "/why btc")
    (other,) = await talk.type(eve, "/why btc")
    await talk.api.push(4, {"btc": 95.0})
    await talk.api.deliver()
    (both,) = await talk.type(ada, "/why btc")
    (lately,) = await talk.type(ada, "/why")

    assert lines(less) == [
        "🟢 BTC rose 12 points within 7 days",
        "Trader grade, THEN",
        f"🚫 Not told: {MISSES[Miss.WINDOW]}",
    ]
    assert labels(less) == ["⚙️ Settings"]
    assert lines(told)[2] == "✅ Told here, THEN"
    assert lines(other)[0] == "BTC was neither upgraded nor downgraded so far."
    assert [each for each in lines(both) if "grade, " not in each] == [
        "🟢 BTC rose 53 points within 7 days",
        "✅ Told here, THEN",
        "🟢 BTC upgraded: Neutral → Strong Buy",
        "✅ Told here, THEN",
    ]
    assert sorted(each for each in lines(lately) if each.startswith("✅")) == [
        "✅ BTC rose as far as was named (trader)",
        "✅ BTC upgraded (trader)",
    ]


async def test_quiet_hours_are_said_with_their_end(talk: Talk) -> None:
    ada, _ = talk.somebody()
    now = datetime.now(UTC)
    starts, ends = now - timedelta(hours=1), now + timedelta(hours=6)
    await talk.type(ada, "/settings zone utc")
    await talk.type(ada, f"/settings quiet {starts:%H:%M}-{ends:%H:%M}")
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    await talk.api.push(2, {"btc": 95.0})
    await talk.api.deliver()

    (of_it,) = await talk.type(ada, "/why btc")
    (lately,) = await talk.type(ada, "/why")

    now_quiet = f"🌙 Quiet hours just now: what changes comes at {ends:%H:%M}."
    assert lines(of_it)[2] == f"⏳ Quiet hours: it comes at {ends:%H:%M}"
    assert lines(of_it)[-1] == now_quiet
    assert lines(lately)[1:] == [
        now_quiet,
        "⏳ BTC upgraded (trader)",
        f"      THEN · quiet hours: it comes at {ends:%H:%M}",
    ]


async def test_a_chat_that_we_could_not_write_to_is_said_and_taken_up_again(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc", chat=group)
    group.may_write = False
    await talk.api.push(2, {"btc": 95.0})
    await talk.api.deliver()
    group.may_write = True
    (said,) = await talk.type(ada, "/why btc", chat=group)
    shown = lines(said)

    await talk.press(ada, said, "▶️ Resume")

    assert shown[2:] == [
        "🚫 Not told: Telegram did not let me write here",
        "⛔ I stopped, for I could not write here: nothing comes.",
    ]
    assert said["text"].startswith("▶️ It goes on: what changes from now on is told.")


async def test_a_mute_is_said_and_ended_by_its_button(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    await talk.type(ada, "/mute btc")
    await talk.api.push(2, {"btc": 95.0})
    await talk.api.deliver()
    (said,) = await talk.type(ada, "/why btc")
    shown = lines(said)

    await talk.press(ada, said, "🔔 Unmute BTC")

    assert shown[2:] == ["🚫 Not told: it was muted then", "🔕 BTC is muted until THEN"]
    assert said["text"].startswith("🔔 Nothing is muted")


async def test_what_telegram_lost_is_perhaps_there(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    await talk.api.push(2, {"btc": 95.0})
    talk.telegram.fail(Fault(502))
    await talk.api.deliver()

    (said,) = await talk.type(ada, "/why btc")

    assert lines(said)[2] == ("❓ Perhaps told: look whether it is here; Telegram was in trouble")


async def test_what_an_app_tells_is_said_to_be_the_apps(talk: Talk) -> None:
    ada, _ = talk.somebody()
    app_key = await talk.api.member("Acme Portfolio")
    body = {"channel": "telegram", "filter": {"tokens": ["demo:btc"]}}
    link = (await talk.api.post("/v1/endpoints", json=body, key=app_key)).json()["link"]
    await talk.type(ada, f"/start {link.partition('start=')[2]}")
    await talk.api.upgrade("btc")

    (said,) = await talk.type(ada, "/why btc")
    (lately,) = await talk.type(ada, "/why")

    assert lines(said)[2:] == ["✅ Acme Portfolio: Told here, THEN"]
    assert "✅ Acme Portfolio: BTC upgraded (trader)" in lines(lately)


async def test_one_of_several_tokens_is_chosen_by_its_button(talk: Talk) -> None:
    ada, _ = talk.somebody()
    (unknown,) = await talk.type(ada, "/why zzz")
    await talk.api.push(1, {"btc": 50.0, "btcb": 50.0})
    (near,) = await talk.type(ada, "/why bt")

    await talk.press(ada, near, "1 · BTC btc")

    assert unknown["text"].startswith("I know no token zzz")
    assert near["text"].startswith("BTC was neither upgraded nor downgraded so far.")


def test_every_reason_has_its_words() -> None:
    assert set(SKIPS) == set(SkipReason)
    assert set(ENDS) == {*Reason, *EndReason}
    assert set(MISSES) == set(Miss)
