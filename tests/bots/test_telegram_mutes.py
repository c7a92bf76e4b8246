"""`/mute`, `/pause` and `/resume`: a person says what they are not told of, and until when."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest

from alerts.bots import telegram_door
from alerts.bots.chats import ChatDesk
from alerts.bots.spans import FOREVER, read_hours, read_until
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import EndpointState
from alerts.domain.quiet import QuietHours
from alerts.errors import InvalidInput
from alerts.pipeline.sparing import mutes_of
from tests.api.conftest import cycle_body
from tests.bots.talks import Talk, labels, open_talk, said_by_bot
from tests.telegram.world import MEMBER, Chat

# A Wednesday, 15:00 in Berlin.
NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pressed a button is answered there, however much the machine has to do."""
    monkeypatch.setattr(telegram_door, "SPINNING_SECONDS", 60.0)


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def muted(talk: Talk, chat: Chat) -> dict[str | None, timedelta]:
    """What a chat has muted, and for how long from now on."""
    found = await mutes_of(TelegramChat(chat.id).kept, desk=talk.services.desk)
    now = datetime.now(UTC)
    return {each.token: each.until - now for each in found}


def about(span: timedelta, hours: float) -> bool:
    return abs(span - timedelta(hours=hours)) < timedelta(minutes=5)


async def test_a_token_is_muted_and_is_told_again(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0})
    await talk.type(ada, "/subscribe btc eth")
    (answer,) = await talk.type(ada, "/mute btc 3d")
    said = answer["text"].split("\n")
    until = await muted(talk, chat)

    await talk.api.push(2, {"btc": 95.0, "eth": 95.0})
    await talk.api.deliver()
    await talk.press(ada, answer, "🔔 Unmute BTC")

    assert said[0].startswith("🔕 BTC is muted until ")
    assert said[1] == "What changes meanwhile is not told later; /why shows it."
    assert about(until["demo:btc"], 72)
    assert [each["text"].split("\n")[0] for each in said_by_bot(chat)[2:]] == [
        "🟢 ETH upgraded: Neutral → Strong Buy"
    ]
    assert await muted(talk, chat) == {}
    assert answer["text"].startswith("🔔 Nothing is muted")


async def test_everything_is_muted_by_words_and_by_buttons(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/start")
    (nothing,) = await talk.type(ada, "/mute")
    await talk.press(ada, nothing, "🔕 All 8h")
    eight = await muted(talk, chat)
    (answer,) = await talk.type(ada, "/mute everything for 2w")
    fortnight = await muted(talk, chat)

    (shown,) = await talk.type(ada, "/mute")

    assert nothing["text"].startswith("🔕 Muted\nEverything until ")
    assert labels(nothing) == ["🔔 Unmute everything"]
    assert about(eight[None], 8)
    assert about(fortnight[None], 14 * 24)
    assert answer["text"].startswith("🔕 Everything is muted until ")
    assert labels(shown) == ["🔔 Unmute everything"]


async def test_who_has_no_time_zone_yet_hears_by_which_clock_it_ends(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")

    (unzoned,) = await talk.type(ada, "/mute btc until tomorrow")
    await talk.type(ada, "/settings zone Tokyo")
    (zoned,) = await talk.type(ada, "/mute btc until tomorrow")

    assert "00:00 UTC" in unzoned["text"]
    assert unzoned["text"].endswith("/settings knows your time zone once you choose it.")
    assert "15:00 UTC" in zoned["text"]
    assert "That is by UTC" not in zoned["text"]


async def test_a_symbol_of_several_tokens_is_asked_about_and_muted_by_buttons(talk: Talk) -> None:
    ada, chat = talk.somebody()
    grades = [
        {"token_id": name, "symbol": "LUNA", "name": name, "score": 50.0}
        for name in ("terra", "terra-classic")
    ]
    await talk.api.post("/v1/cycles", json={**cycle_body(), "grades": grades})
    await talk.type(ada, "/subscribe terra, terra-classic")
    (question,) = await talk.type(ada, "/mute luna 3d")

    await talk.press(ada, question, "2 · LUNA terra-classic")
    (choice,) = [each for each in said_by_bot(chat) if "for how long" in each["text"]]
    await talk.press(ada, choice, "Until I unmute it")

    assert list(await muted(talk, chat)) == ["demo:terra-classic"]
    assert choice["text"].split("\n")[1] == "LUNA until you unmute it"


async def test_of_several_that_bear_a_symbol_the_one_that_is_followed_is_muted(talk: Talk) -> None:
    ada, chat = talk.somebody()
    grades = [{"token_id": name, "symbol": "LUNA", "score": 50.0} for name in ("old", "new")]
    await talk.api.post("/v1/cycles", json={**cycle_body(), "grades": grades})
    await talk.type(ada, "/subscribe demo:old")

    (answer,) = await talk.type(ada, "/mute luna 3d")
    (reason,) = await talk.type(ada, "/why luna")

    assert answer["text"].startswith("🔕 LUNA is muted until ")
    assert list(await muted(talk, chat)) == ["demo:old"]
    assert reason["text"].startswith("LUNA was neither upgraded nor downgraded so far.")


async def test_pause_and_resume_say_what_becomes_of_what_comes_meanwhile(talk: Talk) -> None:
    ada, chat = talk.somebody()
    (none,) = await talk.type(ada, "/pause")
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    (paused,) = await talk.type(ada, "/pause")
    await talk.api.upgrade("btc", day=2)
    (again,) = await talk.type(ada, "/pause")

    await talk.press(ada, again, "▶️ Resume")
    (resumed,) = await talk.type(ada, "/resume")

    assert none["text"] == "Nothing is told here yet: /subscribe BTC begins it."
    assert paused["text"].split("\n") == [
        "⏸ Paused: nothing comes until /resume.",
        "What changes meanwhile is not told later; /why shows it.",
    ]
    assert again["text"].split("\n") == [
        "▶️ It goes on: what changes from now on is told.",
        "What changed meanwhile is not; /why shows it.",
    ]
    assert resumed["text"] == "▶️ It was not paused: what changes is told."
    assert not [each for each in said_by_bot(chat) if "upgraded:" in each["text"]]
    (endpoint,) = await ChatDesk(talk.services).every(TelegramChat(chat.id))
    assert endpoint.state is EndpointState.ACTIVE


async def test_what_a_chat_has_paused_no_app_takes_up_again(talk: Talk) -> None:
    ada, chat = talk.somebody()
    key = await talk.api.member("App")
    made = await talk.api.post("/v1/endpoints", json={"channel": "telegram"}, key=key)
    await talk.type(ada, f"/start {made.json()['link'].partition('=')[2]}")
    (opened,) = await ChatDesk(talk.services).every(TelegramChat(chat.id))
    enable = f"/v1/endpoints/{opened.id}/enable"
    await talk.api.post(f"/v1/endpoints/{opened.id}/pause", key=key)
    own = await talk.api.post(enable, key=key)

    await talk.type(ada, "/pause")
    refused = await talk.api.post(enable, key=key)
    await talk.type(ada, "/resume")
    again = await talk.api.post(enable, key=key)

    assert [own.status_code, refused.status_code, again.status_code] == [200, 409, 200]
    assert "says itself" in refused.json()["detail"]
    states = {each.state for each in await ChatDesk(talk.services).every(TelegramChat(chat.id))}
    assert states == {EndpointState.ACTIVE}


async def test_who_resumes_hears_that_everything_is_muted(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.type(ada, "/start")
    await talk.type(ada, "/mute forever")

    (resumed,) = await talk.type(ada, "/resume")

    assert resumed["text"].endswith("But everything is muted until you unmute it.")
    assert labels(resumed) == ["🔔 Unmute"]


async def test_in_a_group_members_mute_nothing(talk: Talk) -> None:
    ada, _ = talk.somebody()
    bob, _ = talk.somebody("Bob")
    group = talk.telegram.world.group(creator=ada)
    group.members[bob.id] = MEMBER
    await talk.type(ada, "/start", chat=group)

    refused = [
        *(await talk.type(bob, "/mute 8h", chat=group)),
        *(await talk.type(bob, "/pause", chat=group)),
    ]
    (shown,) = await talk.type(ada, "/mute", chat=group)
    pressed = await talk.press(bob, shown, "🔕 All 24h")

    assert all("admins" in each["text"] for each in refused)
    assert len(refused) == 2
    assert "admins" in (await pressed.wait())["text"]
    assert await muted(talk, group) == {}


@pytest.mark.parametrize("off", ["/mute {} off", "/unmute {}"])
async def test_off_ends_a_mute_of_a_token_or_of_everything(talk: Talk, off: str) -> None:
    ada, chat = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0})
    await talk.type(ada, "/subscribe btc eth")
    for text in ("/mute btc eth 3d", "/mute 8h"):
        await talk.type(ada, text)

    (one,) = await talk.type(ada, off.format("btc"))
    left = await muted(talk, chat)
    (unknown,) = await talk.type(ada, off.format("nope"))
    (all_of_it,) = await talk.type(ada, off.format("all"))

    assert set(left) == {None, "demo:eth"}
    assert one["text"].startswith("🔕 Muted\nEverything until ")
    assert unknown["text"].startswith("I know no token nope.")
    assert all_of_it["text"].startswith("🔕 Muted\nETH until ")
    assert set(await muted(talk, chat)) == {"demo:eth"}


@pytest.mark.parametrize(
    ("typed", "words", "at"),
    [
        ("btc", "btc", None),
        ("btc 24h", "btc", NOW + timedelta(hours=24)),
        ("btc eth for 3d", "btc eth", NOW + timedelta(days=3)),
        ("8h", "", NOW + timedelta(hours=8)),
        ("btc 2 days", "btc", NOW + timedelta(days=2)),
        ("btc eth for 1 week", "btc eth", NOW + timedelta(weeks=1)),
        ("90min", "", NOW + timedelta(minutes=90)),
        ("btc 1 month", "btc 1 month", None),
        ("btc forever", "btc", FOREVER),
        ("btc until 16:30", "btc", datetime(2026, 11, 18, 15, 30, tzinfo=UTC)),
        ("btc until 7:00", "btc", datetime(2026, 11, 19, 6, tzinfo=UTC)),
        ("until monday 9:00", "", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("until wed", "", datetime(2026, 11, 24, 23, tzinfo=UTC)),
        ("btc until tomorrow", "btc", datetime(2026, 11, 18, 23, tzinfo=UTC)),
        ("btc until 2026-12-31", "btc", datetime(2026, 12, 30, 23, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_people_type_it(typed: str, words: str, at: datetime | None) -> None:
    until = read_until(typed.split(), NOW, "Europe/Berlin")

    assert (" ".join(until.words), until.at) == (words, at)


@pytest.mark.parametrize(
    "typed",
    [
        "until",
        "until whenever",
        "until 2026-02-31",
        "until 2020-01-01",
        "until 2099-01-01",
        "btc 0h",
        "btc -3d",
        "btc 9999d",
        "btc 400 days",
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="must be"):
        read_until(typed.split(), NOW, "Europe/Berlin")


@pytest.mark.parametrize(
    ("typed", "hours"),
    [
        ("22:30-06:30", (time(22, 30), time(6, 30))),
        ("22-7", (time(22), time(7))),
        ("22 7", (time(22), time(7))),
        ("10pm to 6:45am", (time(22), time(6, 45))),
        ("12am-12pm", (time(0), time(12))),
        ("24-7", None),
        ("13pm-7", None),
        ("7-7", None),
        ("night", None),
    ],
)
def test_hours_are_read_as_people_type_them(typed: str, hours: tuple[time, time] | None) -> None:
    assert read_hours(typed) == (None if hours is None else QuietHours(*hours))
