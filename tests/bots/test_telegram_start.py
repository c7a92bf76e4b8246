"""/start, /help, /privacy and /stop, as people type and press them."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from alerts.bots.chats import ChatDesk
from alerts.bots.telegram import run_bot
from alerts.bots.telegram_commands import Registry
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_payloads import token_payload
from alerts.domain.deliveries import Channel, DisableReason, EndpointState
from alerts.domain.grades import TokenId
from alerts.errors import SettingsInvalid
from alerts.pipeline.places import close_places, list_places
from alerts.store.endpoints import EndpointRecord
from tests.api.conftest import open_api
from tests.bots.talks import Talk, labels, open_talk
from tests.telegram.double import TOKEN

README: Final = Path(__file__).parent.parent.parent / "README.md"
OLD_LINK = "app-" + "A" * 32


@pytest.fixture
async def talk(database_url: str) -> AsyncIterator[Talk]:
    async with open_talk(database_url) as opened:
        yield opened


async def endpoints(talk: Talk) -> list[EndpointRecord]:
    desk = talk.services.desk
    places = await list_places(channel=Channel.TELEGRAM, desk=desk, app_id=None)
    return [place.endpoint for place in places]


async def link_of(talk: Talk, app: str, **more: object) -> str:
    """What an app's new link tells the bot."""
    key = await talk.api.member(app)
    body = {"channel": "telegram", **more}
    made = await talk.api.post("/v1/endpoints", json=body, key=key)
    assert made.status_code == 201, made.text
    return str(made.json()["link"]).partition("?start=")[2]


async def test_a_new_chat_is_greeted_and_chooses_from_tokens_that_people_know(talk: Talk) -> None:
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0, "zzz": 90.0})
    ada, chat = talk.somebody()

    (greeting,) = await talk.type(ada, "/start")

    assert "when the grade of a crypto token changes" in greeting["text"]
    assert labels(greeting)[:2] == ["BTC", "ETH"]
    (made,) = await endpoints(talk)
    assert made.filter.tokens == ()
    assert made.description == "Ada"
    # No token is none: not all of them.
    await talk.api.upgrade("btc", day=3)
    assert len(chat.texts) == 1
    shown = (await talk.api.get(f"/v1/endpoints/{made.id}")).json()
    assert shown["filter"]["tokens"] == []


@pytest.mark.parametrize("token", ["btc", "a-b.c_d", "x" * 60])
async def test_a_link_follows_the_token_that_it_carries(talk: Talk, token: str) -> None:
    await talk.api.push(1, {token: 50.0})
    payload = token_payload(TokenId(f"demo:{token}"))
    ada, chat = talk.somebody()

    (answer,) = await talk.type(ada, f"/start {payload}")
    await talk.api.push(2, {token: 95.0})
    await talk.api.deliver()

    assert "You follow" in answer["text"]
    (made,) = await endpoints(talk)
    assert made.filter.tokens == (f"demo:{token}",)
    assert len(chat.texts) == 2


@pytest.mark.parametrize("payload", ["t-demo-cnobody", "t-", "hello", "t-%%%", "x" * 64])
async def test_a_link_that_carries_nothing_we_know_greets(talk: Talk, payload: str) -> None:
    ada, _ = talk.somebody()

    (answer,) = await talk.type(ada, f"/start {payload}")

    assert "/subscribe BTC ETH" in answer["text"]


async def test_an_app_s_link_says_who_tells_what_and_works_once(talk: Talk) -> None:
    await talk.api.push(1, {"btc": 50.0})
    window = {"kind": "trader", "days": 7, "rise": 15}
    wanted = {"tokens": ["BTC"], "kinds": ["trader"], "windows": [window]}
    code = await link_of(talk, "Fund & Co", filter=wanted)
    ada, _ = talk.somebody()
    bob, _ = talk.somebody("Bob")

    (opened,) = await talk.type(ada, f"/start {code}")
    (late,) = await talk.type(bob, f"/start {code}")
    (again,) = await talk.type(ada, f"/start {code}")
    (never,) = await talk.type(bob, f"/start {OLD_LINK}")

    assert opened["text"].startswith("Done. Here you are told by Fund & Co:")
    assert "• upgrades and downgrades of BTC (trader grades)" in opened["text"]
    assert "• moves over days: trader up 15 points or more within 7 days" in opened["text"]
    assert "/pause" in opened["text"]
    assert "/stop" in opened["text"]
    assert late["text"] == never["text"]
    assert again["text"] == f"{late['text']} What you are told here already goes on."
    assert "does not work any more" in late["text"]
    assert len(await endpoints(talk)) == 1


async def test_a_second_link_of_one_app_changes_nothing_and_says_so(talk: Talk) -> None:
    key = await talk.api.member("App")
    ada, _ = talk.somebody()
    said = []
    for _ in range(2):
        made = await talk.api.post("/v1/endpoints", json={"channel": "telegram"}, key=key)
        said += await talk.type(ada, f"/start {made.json()['link'].partition('=')[2]}")

    assert "tells you here already" in said[-1]["text"]
    assert len(await endpoints(talk)) == 1


@pytest.mark.parametrize("reason", ["blocked", "gone", "removed", "no_permission", "failing"])
async def test_start_revives_a_chat_that_was_lost_and_no_other(talk: Talk, reason: str) -> None:
    ada, _ = talk.somebody()
    code = await link_of(talk, "App")
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe btc")
    await talk.type(ada, f"/start {code}")
    await disable(talk, DisableReason(reason))

    (said,) = await talk.type(ada, "/start")

    is_ours_to_end = reason == "failing"
    assert ("/resume goes on" in said["text"]) == is_ours_to_end
    expected = EndpointState.DISABLED if is_ours_to_end else EndpointState.ACTIVE
    assert [each.state for each in await endpoints(talk)] == [expected] * 2


async def disable(talk: Talk, reason: DisableReason) -> None:
    desk = talk.services.desk
    places = await list_places(channel=Channel.TELEGRAM, desk=desk, app_id=None)
    await close_places(places, reason, desk=desk)


async def test_stop_asks_first_and_then_deletes_what_everybody_set_up_there(talk: Talk) -> None:
    ada, chat = talk.somebody()
    bob, _ = talk.somebody("Bob")
    code = await link_of(talk, "App")
    for person, text in ((ada, "/start"), (ada, f"/start {code}"), (bob, "/start")):
        await talk.type(person, text)
    await talk.api.upgrade("btc")

    (asked,) = await talk.type(ada, "/stop")
    assert len(await endpoints(talk)) == 3
    pressed = await talk.press(ada, asked, "Delete all")

    assert pressed.answer == {"text": "", "show_alert": False}
    assert "/start begins anew" in chat.texts[-1]
    (left,) = await endpoints(talk)
    assert left.description == "Bob"
    log = (await talk.api.get("/v1/deliveries")).json()["data"]
    assert [each for each in log if each["endpoint_id"] != left.id] == []
    (nothing,) = await talk.type(ada, "/stop")
    assert nothing["text"].startswith("Nothing is stored")


async def test_stop_can_be_thought_better_of(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/start")
    (asked,) = await talk.type(ada, "/stop")

    await talk.press(ada, asked, "Keep it")

    assert chat.texts[-1] == "Nothing was deleted."
    assert len(await endpoints(talk)) == 1


async def test_privacy_says_how_long_things_are_kept(talk: Talk) -> None:
    ada, _ = talk.somebody()

    (answer,) = await talk.type(ada, "/privacy")

    assert "for 90 days" in answer["text"]
    assert "/stop deletes all" in answer["text"]


async def test_help_and_the_menus_name_every_command(talk: Talk) -> None:
    ada, _ = talk.somebody()
    registry = Registry.of(talk.services)

    (answer,) = await talk.type(ada, "/help")

    menus = talk.telegram.commands
    everything = {each.name: each.description for each in registry.commands.values()}
    for_all = {each.name for each in registry.commands.values() if not each.changes}
    for name in everything.keys() - {"help"}:
        assert f"/{name} – " in answer["text"]
    assert menus.of("all_private_chats") == everything
    assert menus.of("all_chat_administrators") == everything
    assert menus.of("all_group_chats").keys() == for_all
    assert "start" not in for_all
    assert len(menus.described["description"]) <= 512
    assert len(menus.described["short_description"]) <= 120


async def test_each_topic_of_a_forum_is_a_chat_of_its_own(talk: Talk) -> None:
    ada, _ = talk.somebody()
    forum = talk.telegram.world.group("Alpha", creator=ada, is_forum=True)
    topic = talk.telegram.world.topic(forum)

    (general,) = await talk.type(ada, "/start@gradebell_bot", chat=forum)
    (in_topic,) = await talk.type(ada, "/start", chat=forum, topic=topic)

    assert "message_thread_id" not in general
    assert in_topic["message_thread_id"] == topic
    desk = ChatDesk(talk.services)
    for place in (TelegramChat(forum.id), TelegramChat(forum.id, topic)):
        found = await desk.find(place)
        assert found is not None
        assert found.description == "Alpha"


async def test_the_readme_names_every_command_and_no_other(talk: Talk) -> None:
    text = README.read_text()
    section = text[text.index("\n## On Telegram\n") :]
    rows = re.findall(r"^\| (`/.*?) \|", section[: section.index("\n## ", 1)], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`/(\w+)`", row)}

    assert named == set(Registry.of(talk.services).commands)


async def test_without_a_token_it_ends_with_what_to_do(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No test's bot is the one that a developer's .env names.
    tmp_path.joinpath(".env").write_text(f"GRADEBELL_TELEGRAM_BOT_TOKEN={TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    stopped = asyncio.Event()
    stopped.set()

    async with open_api(sqlite_url) as api:
        with pytest.raises(SettingsInvalid, match="BotFather"):
            await run_bot(api.services, stopped)
