"""The buttons under what was told: they do what they say, and say what is so since."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from alerts.bots import telegram_door
from alerts.bots.chats import ChatDesk
from alerts.bots.spans import FOREVER
from alerts.channels.telegram_address import TelegramChat
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.sparing import mutes_of
from tests.bots.talks import Message, Talk, labels, open_talk, said_by_bot
from tests.telegram.world import MEMBER, Chat, Person

UNDER = ["🔕 Mute BTC 24 h", "✏️ Edit", "✖ Stop"]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pressed a button is answered there, however much the machine has to do."""
    monkeypatch.setattr(telegram_door, "SPINNING_SECONDS", 60.0)


@pytest.fixture
async def talk(database_url: str) -> AsyncIterator[Talk]:
    async with open_talk(database_url) as opened:
        yield opened


@pytest.fixture
async def one_talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def told(talk: Talk, person: Person, chat: Chat, *, day: int = 1) -> Message:
    """Somebody follows BTC, and is told of an upgrade."""
    await talk.api.push(day, {"btc": 50.0})
    await talk.type(person, "/subscribe btc", chat=chat if chat.person is None else None)
    await talk.api.push(day + 1, {"btc": 95.0})
    await talk.api.deliver()
    return said_by_bot(chat)[-1]


async def follows(talk: Talk, chat: Chat) -> list[tuple[str, ...] | None]:
    return [
        each.filter.tokens for each in await ChatDesk(talk.services).every(TelegramChat(chat.id))
    ]


async def test_a_token_is_muted_from_its_message_and_unmuted_again(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    alert = await told(talk, ada, chat)
    text = alert["text"]
    assert labels(alert) == UNDER

    muting = await (await talk.press(ada, alert, UNDER[0])).wait()
    muted = labels(alert)
    (mute,) = await mutes_of(TelegramChat(chat.id).kept, desk=talk.services.desk)
    unmuting = await (await talk.press(ada, alert, "🔔 Unmute BTC")).wait()

    assert muting["text"] == "BTC is muted for 24 hours. What changes meanwhile is not told."
    assert muted == ["🔔 Unmute BTC", "✏️ Edit", "✖ Stop"]
    assert 23.9 < (mute.until - datetime.now(UTC)).total_seconds() / 3600 <= 24
    assert unmuting["text"] == "BTC is told again."
    assert (alert["text"], labels(alert)) == (text, UNDER)
    assert await mutes_of(TelegramChat(chat.id).kept, desk=talk.services.desk) == []


async def test_stop_is_undone_by_the_button_that_takes_its_place(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    alert = await told(talk, ada, chat)

    stopping = await (await talk.press(ada, alert, "✖ Stop")).wait()
    stopped, without = labels(alert), await follows(talk, chat)
    keeping = await (await talk.press(ada, alert, "↩️ Follow BTC again")).wait()

    assert stopping["text"] == "BTC is not told any more."
    assert (stopped, without) == (["↩️ Follow BTC again", "✏️ Edit"], [()])
    assert keeping["text"] == "BTC is told again, from now on."
    assert labels(alert) == UNDER
    assert await follows(talk, chat) == [("demo:btc",)]


async def test_what_an_app_tells_is_stopped_there_and_it_is_said(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    app_key = await talk.api.member("Acme Portfolio")
    body = {"channel": "telegram", "filter": {"tokens": ["demo:btc", "demo:eth"]}}
    link = (await talk.api.post("/v1/endpoints", json=body, key=app_key)).json()["link"]
    await talk.type(ada, f"/start {link.partition('start=')[2]}")
    await talk.api.upgrade("btc")
    alert = said_by_bot(chat)[-1]

    stopping = await (await talk.press(ada, alert, "✖ Stop")).wait()
    without = await follows(talk, chat)
    await talk.press(ada, alert, "↩️ Follow BTC again")

    assert "It came through Acme Portfolio; it is taken out there." in stopping["text"]
    assert ("demo:eth",) in without
    assert ("demo:btc", "demo:eth") in await follows(talk, chat)


async def test_of_a_chat_that_takes_all_tokens_one_is_taken_out(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    await talk.type(ada, "/start")
    place = TelegramChat(chat.id)
    for each in await ChatDesk(talk.services).every(place):
        await talk.api.call("DELETE", f"/v1/endpoints/{each.id}")
    await create_chat(place.kept, Wish(), most_rate=1.0, desk=talk.services.desk)
    await talk.api.upgrade("btc")
    alert = said_by_bot(chat)[-1]

    await talk.press(ada, alert, "✖ Stop")
    muted = await mutes_of(place.kept, desk=talk.services.desk)
    await talk.press(ada, alert, "↩️ Follow BTC again")

    assert [(each.token, each.until) for each in muted] == [("demo:btc", FOREVER)]
    assert await mutes_of(place.kept, desk=talk.services.desk) == []


async def test_edit_shows_the_settings_beside_the_message(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    alert = await told(talk, ada, chat)

    await talk.press(ada, alert, "✏️ Edit")

    assert labels(alert) == UNDER
    assert said_by_bot(chat)[-2] is alert
    assert said_by_bot(chat)[-1]["text"].startswith("⚙️ Settings")


async def test_all_of_a_long_summary_is_shown_in_pages(talk: Talk) -> None:
    ada, chat = talk.somebody()
    names = [f"t{number}" for number in range(30)]
    await talk.api.push(1, dict.fromkeys(names, 50.0))
    await talk.type(ada, f"/subscribe {' '.join(names)}")
    await talk.api.push(2, dict.fromkeys(names, 95.0))
    await talk.api.deliver()
    summary = said_by_bot(chat)[-1]
    assert "and 10 more" in summary["text"].split("\n")

    await talk.press(ada, summary, "Show all 30")
    page = said_by_bot(chat)[-1]
    first = page["text"].split("\n")
    await talk.press(ada, page, "›")
    second = page["text"].split("\n")

    assert first[0] == second[0] == "30 changes: 🟢 30 up"
    rows = [line for line in (*first[1:], *second[1:]) if line.startswith("🟢")]
    assert {row.split(" ")[1] for row in rows} == {name.upper() for name in names}
    assert labels(page) == ["‹", "2/2"]


async def test_what_is_not_kept_any_more_is_said_kindly(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    alert = await told(talk, ada, chat)
    said = []

    for verb in ("mute", "unmute", "stop", "keep", "all"):
        forged = f"v1:{verb}:evt_{'0' * 26}"
        pressed = await talk.telegram.people.forge(ada, alert, forged)
        said.append((await pressed.wait())["text"])

    assert all(text.startswith("This message is so old that I do not know") for text in said)
    assert labels(alert) == UNDER


async def test_nobody_sees_what_another_chat_was_told(one_talk: Talk) -> None:
    talk = one_talk
    ada, chat = talk.somebody()
    bob, other = talk.somebody("Bob")
    alert = await told(talk, ada, chat)
    event_id = alert["reply_markup"]["inline_keyboard"][0][0]["callback_data"].split(":")[2]
    await talk.type(bob, "/start")

    pressed = await talk.telegram.people.forge(bob, said_by_bot(other)[-1], f"v1:all:{event_id}")

    assert "so old" in (await pressed.wait())["text"]


async def test_in_a_group_the_buttons_are_its_admins(one_talk: Talk) -> None:
    talk = one_talk
    ada, _ = talk.somebody()
    bob, _ = talk.somebody("Bob")
    group = talk.telegram.world.group(creator=ada)
    group.members[bob.id] = MEMBER
    alert = await told(talk, ada, group)

    refused = [await (await talk.press(bob, alert, name)).wait() for name in UNDER]

    assert all("admins" in each["text"] for each in refused)
    assert await follows(talk, group) == [("demo:btc",)]
