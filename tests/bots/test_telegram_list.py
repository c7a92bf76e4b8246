"""`/list` on Telegram: what a chat follows, in one message, whoever looks at it."""

from collections.abc import AsyncIterator
from datetime import time, timedelta

import pytest

from alerts.bots.chats import ChatDesk
from alerts.bots.telegram_door import ADMINS_ONLY
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import Channel
from alerts.domain.quiet import QuietHours
from alerts.pipeline.chats import ask_for_chat, open_link
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.places import list_places
from alerts.pipeline.sparing import mutes_of, set_quiet_hours, set_time_zone
from tests.bots.graded import followed, grade, open_graded
from tests.bots.talks import Talk, labels


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_graded(sqlite_url) as opened:
        yield opened


async def test_a_list_is_turned_and_a_token_looked_at_in_one_message(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.api.push(3, {f"t{number:02}": 50.0 for number in range(10)}, source="more")
    await talk.type(ada, "/subscribe ETH " + " ".join(f"t{number:02}" for number in range(10)))

    (shown,) = await talk.type(ada, "/list")
    first = str(shown["text"])
    await talk.press(ada, shown, "›")
    second, buttons = str(shown["text"]), labels(shown)
    await talk.press(ada, shown, "T08")
    card = str(shown["text"])
    await talk.press(ada, shown, "✖ Unsubscribe")
    gone = str(shown["text"])
    await talk.press(ada, shown, "‹ Back")

    assert first.splitlines()[0] == "You follow 11 tokens"
    assert "ETH  F     – not graded yet\n     T  85.0 Strong Buy" in first
    assert buttons[:6] == ["T07", "T08", "T09", "‹", "2/2", "›"]
    assert second.count("Neutral") == 3
    assert card.startswith("T08 · t08\nFundamental grade: not graded yet\nTrader grade: Neutral")
    assert "not followed here any more" in gone
    assert shown["text"].startswith("You follow 10 tokens")
    assert "2/2" in labels(shown)
    assert len([each for each in chat.messages if each["from"]["is_bot"]]) == 2


async def test_tokens_of_one_symbol_are_told_apart_in_a_list(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.type(ada, "/subscribe demo:1 demo:3 ETH")

    (shown,) = await talk.type(ada, "/list")

    assert labels(shown)[:3] == ["BTC Bitcoin", "BTC Wrapped Bitcoin", "ETH"]
    cells = [line[:10].strip() for line in shown["text"].splitlines()[1:7]]
    assert cells == ["BTC Bitco…", "", "BTC Wrapp…", "", "ETH", ""]


async def test_a_card_says_when_it_was_told_here_last(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.type(ada, "/subscribe ETH")
    (shown,) = await talk.type(ada, "/list")
    await talk.press(ada, shown, "ETH")
    before = str(shown["text"])

    await grade(talk, 3, 30)
    await talk.api.deliver()
    await talk.press(ada, shown, "‹ Back")
    await talk.press(ada, shown, "ETH")

    assert "Nothing was told here of it yet." in before
    assert "Last change: 🔴 downgraded, Strong Buy → Sell (trader)" in shown["text"]
    assert "Last told here" in shown["text"]


async def test_a_token_is_muted_for_a_day_and_the_list_says_until_when(talk: Talk) -> None:
    ada, chat = talk.somebody()
    here = TelegramChat(chat.id).kept
    await talk.type(ada, "/subscribe ETH SHIB")
    await set_time_zone(here, "Europe/Berlin", desk=talk.services.desk)
    await set_quiet_hours(here, QuietHours(time(22), time(7)), desk=talk.services.desk)

    (shown,) = await talk.type(ada, "/list")
    await talk.press(ada, shown, "ETH")
    await talk.press(ada, shown, "🔕 Mute 24 h")
    card, choices = str(shown["text"]), labels(shown)
    (mute,) = await mutes_of(here, desk=talk.services.desk)
    await talk.press(ada, shown, "‹ Back")
    listed = str(shown["text"])
    await talk.press(ada, shown, "ETH 🔕")
    await talk.press(ada, shown, "🔔 Unmute")

    assert "🔕 Muted until" in card
    assert choices == ["🔔 Unmute", "✖ Unsubscribe", "‹ Back"]
    assert mute.token == "demo:2"
    ahead = mute.until - talk.services.clock.now()
    assert timedelta(hours=23) < ahead <= timedelta(hours=24)
    assert listed.splitlines()[0] == "You follow 2 tokens · quiet 22:00–07:00 Europe/Berlin"
    assert "🔕 ETH is muted until" in listed
    assert await mutes_of(here, desk=talk.services.desk) == []


async def test_who_follows_what_is_muted_hears_that_it_is(talk: Talk) -> None:
    ada, _ = talk.somebody()
    for text in ("/subscribe ETH", "/mute ETH forever"):
        await talk.type(ada, text)

    (one,) = await talk.type(ada, "/subscribe ETH SHIB")
    await talk.type(ada, "/mute 8h")
    (every,) = await talk.type(ada, "/subscribe SHIB")

    assert "🔕 ETH is muted until you unmute it" in one["text"].splitlines()
    assert "SHIB is muted" not in one["text"]
    assert "🔕 Everything is muted until" in every["text"]


async def test_in_a_group_all_may_look_and_its_admins_alone_may_change(talk: Talk) -> None:
    ada, bob = talk.telegram.world.person("Ada"), talk.telegram.world.person("Bob")
    group = talk.telegram.world.group(creator=ada)

    (refused,) = await talk.type(bob, "/subscribe ETH", chat=group)
    (made,) = await talk.type(ada, "/subscribe ETH", chat=group)
    (shown,) = await talk.type(bob, "/list", chat=group)
    await talk.press(bob, shown, "ETH")
    pressed = await talk.press(bob, shown, "✖ Unsubscribe")

    assert refused["text"] == ADMINS_ONLY
    assert made["text"].startswith("✅ This chat follows ETH")
    assert shown["text"].startswith("ETH · Ethereum")
    assert pressed.answer is not None
    assert pressed.answer["text"] == ADMINS_ONLY
    assert await followed(talk) == ("demo:2",)


async def test_a_list_leads_to_the_settings_and_back_and_a_press_pauses_all(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.type(ada, "/subscribe ETH")
    (shown,) = await talk.type(ada, "/list")

    await talk.press(ada, shown, "⚙️ Settings")
    settings = str(shown["text"])
    await talk.press(ada, shown, "📋 List")
    back = labels(shown)
    await talk.press(ada, shown, "⏸ Pause all")
    (paused,) = await talk.type(ada, "/list")
    (followed_too,) = await talk.type(ada, "/subscribe SHIB")

    assert settings.startswith("⚙️ Settings")
    assert back == ["ETH", "➕ Add", "⏸ Pause all", "⚙️ Settings"]  # noqa: RUF001 - a sign.
    assert "⏸ Paused" in paused["text"]
    assert "▶️ Resume" in labels(paused)
    assert "⏸ Paused: nothing is told here until /resume." in followed_too["text"]


async def test_what_no_button_of_ours_says_does_nothing(talk: Talk) -> None:
    ada, _ = talk.somebody()
    (shown,) = await talk.type(ada, "/subscribe ETH")

    for data in ("v1:follow", "v1:follow:x.demo:1", "v1:card:c1.demo:99", "v1:unfollow:a.demo:99"):
        pressed = await talk.telegram.people.forge(ada, shown, data)
        answer = await pressed.wait()
        assert "old" in answer["text"]
    for data in ("v1:list:99", "v1:list:-1", "v1:list:" + "9" * 50):
        await (await talk.telegram.people.forge(ada, shown, data)).wait()
    assert await followed(talk) == ("demo:2",)


async def test_who_follows_all_is_told_so(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/subscribe ETH")
    (place,) = await list_places(channel=Channel.TELEGRAM, desk=talk.services.desk)
    await talk.api.call(
        "PATCH", f"/v1/endpoints/{place.endpoint.id}", json={"filter": {"tokens": None}}
    )

    for text in ("/list", "/subscribe SHIB", "/unsubscribe ETH", "/grade ETH"):
        await talk.type(ada, text)

    assert chat.texts[-4] == "You follow all tokens"
    assert chat.texts[-3].startswith("You follow SHIB already")
    assert "All tokens are followed here" in chat.texts[-2]
    assert labels(chat.messages[-1]) == []


async def test_apps_that_tell_a_chat_are_named_in_its_list(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/subscribe ETH")
    app_id = await talk.api.app("Charts & Co")
    link = await ask_for_chat(app_id, Wish(), desk=talk.services.desk)
    here = TelegramChat(chat.id)
    await open_link(link.url.partition("=")[2], here.kept, most_rate=1, desk=talk.services.desk)

    (shown,) = await talk.type(ada, "/list")
    await talk.type(ada, "/unsubscribe ETH")
    (empty,) = await talk.type(ada, "/list")

    assert "Told here by apps as well: Charts & Co." in shown["text"]
    assert "Told here by apps as well: Charts & Co." in empty["text"]
    assert empty["text"].endswith("or press one:")
    assert len(await ChatDesk(talk.services).every(here)) == 2
