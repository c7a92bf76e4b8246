"""What goes wrong between our bot and Telegram, and that it goes on."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from alerts.bots.chats import ChatDesk
from alerts.bots.telegram import run_bot
from alerts.channels.telegram_address import TelegramChat
from alerts.telemetry import LogFormat, configure
from tests.api.conftest import open_api
from tests.bots.talks import open_talk, running
from tests.faults import Fault
from tests.telegram.double import TOKEN, Telegram
from tests.telegram.library import library
from tests.telegram.world import BOT


def refusal(status: int, description: str, **parameters: int) -> Fault:
    """A refusal in Telegram's own words."""
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return Fault(status, body=json.dumps(body).encode())


def hear() -> list[Mapping[str, Any]]:
    """What is logged from now on."""
    heard: list[Mapping[str, Any]] = []
    configure(LogFormat.JSON, "INFO", tell=heard.append)
    return heard


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusal(401, "Unauthorized"), "does not take GRADEBELL_TELEGRAM_BOT_TOKEN"),
        (refusal(404, "Not Found"), "does not take GRADEBELL_TELEGRAM_BOT_TOKEN"),
        (refusal(409, "Conflict: terminated by other getUpdates request"), "another program"),
        (refusal(409, "Conflict: can't use getUpdates while webhook is active"), "a webhook"),
        (refusal(429, "Too Many Requests", retry_after=1), "Flood control"),
        (Fault(502), "Bad Gateway"),
        (Fault(None), "httpx.RemoteProtocolError"),
    ],
    ids=["401", "404", "409", "409-webhook", "429", "html", "reset"],
)
async def test_what_keeps_us_from_updates_is_said_and_survived(
    sqlite_url: str, fault: Fault, said: str
) -> None:
    async with open_talk(sqlite_url) as talk:
        heard = hear()
        talk.telegram.fail(fault, method="getUpdates")
        ada, chat = talk.somebody()
        await talk.type(ada, "/help")
        await talk.type(ada, "/privacy")

    assert len(chat.texts) == 2
    refused = [each for each in heard if each["event"] == "bot.refused"]
    assert len(refused) == 1
    assert said in refused[0]["problem"]
    assert TOKEN not in str(heard)


@pytest.mark.parametrize("method", ["getMe", "deleteWebhook", "getMyCommands"])
async def test_a_start_is_tried_again(sqlite_url: str, method: str) -> None:
    async with (
        Telegram() as telegram,
        open_api(sqlite_url, telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN) as api,
    ):
        telegram.fail(Fault(502), method=method)
        async with running(api.services, telegram):
            ada = telegram.world.person()
            await telegram.people.type(ada, "/help")
            await telegram.updates.wait_until_confirmed()

    assert len(telegram.world.chat_of(ada).texts) == 1


async def test_what_was_handled_is_not_handled_again_where_it_could_not_be_confirmed(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        talk.telegram.fail(Fault(502), Fault(None), method="getUpdates")
        ada, chat = talk.somebody()

        await talk.type(ada, "/help")

    assert len(chat.texts) == 1


async def test_what_another_process_handled_and_did_not_confirm_comes_again_and_does_no_harm(
    sqlite_url: str,
) -> None:
    async with (
        Telegram() as telegram,
        open_api(sqlite_url, telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN) as api,
    ):
        people = [telegram.world.person(name) for name in ("Ada", "Bob", "Cleo")]
        async with running(api.services, telegram):
            telegram.fail(*[Fault(502)] * 40, method="getUpdates")
            for person in people:
                await telegram.people.type(person, "/start")
            chat = telegram.world.chat_of(people[0])
            await telegram.people.wait_until(lambda: bool(chat.texts))
        telegram.forgive()
        assert telegram.updates.waiting != []
        async with running(api.services, telegram):
            await telegram.updates.wait_until_confirmed()
        desk = ChatDesk(api.services)
        found = [len(await desk.every(TelegramChat(person.id))) for person in people]

    assert found == [1, 1, 1]


async def test_a_second_bot_waits_while_the_first_is_there(sqlite_url: str) -> None:
    async with open_talk(sqlite_url) as talk:
        stop = asyncio.Event()
        second = asyncio.create_task(run_bot(talk.services, stop))
        ada, chat = talk.somebody()

        await talk.type(ada, "/help")

        assert len(chat.texts) == 1
        assert len(talk.telegram.calls("getMe")) == 1
        stop.set()
        await second


async def test_another_program_with_our_token_is_named_in_the_log_and_outlived(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        heard = hear()
        async with library(talk.telegram) as other:
            await other.get_updates()
        ada, chat = talk.somebody()
        await talk.type(ada, "/help")

    assert len(chat.texts) == 1
    (refused,) = [each for each in heard if each["event"] == "bot.refused"]
    assert "another program asks with our token" in refused["problem"]


async def test_a_forgotten_webhook_is_deleted_and_what_waited_is_answered(sqlite_url: str) -> None:
    async with (
        Telegram() as telegram,
        open_api(sqlite_url, telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN) as api,
    ):
        telegram.updates.webhook = "https://a.example/"
        ada = telegram.world.person()
        await telegram.people.type(ada, "/help")
        async with running(api.services, telegram):
            await telegram.updates.wait_until_confirmed()

    assert len(telegram.world.chat_of(ada).texts) == 1


async def test_a_broken_command_is_answered_and_what_follows_too(sqlite_url: str) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, _ = talk.somebody()
        async with talk.services.store.write() as tx:
            await tx.connection.execute(text("ALTER TABLE endpoints RENAME TO elsewhere"))

        (broken,) = await talk.type(ada, "/start")
        (whole,) = await talk.type(ada, "/help")

    assert "Something broke on our side" in broken["text"]
    assert "crypto tokens" in whole["text"]


async def test_what_the_library_cannot_read_is_confirmed(sqlite_url: str) -> None:
    async with open_talk(sqlite_url) as talk:
        await talk.telegram.updates.tell("message", {"chat": 7})
        ada, _ = talk.somebody()

        (answer,) = await talk.type(ada, "/help")

    assert "crypto tokens" in answer["text"]


async def test_an_answer_waits_a_little_where_telegram_asks_for_it_and_no_longer(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        heard = hear()
        ada, chat = talk.somebody()
        talk.telegram.fail(refusal(429, "Too Many Requests: retry after 1", retry_after=1))
        await talk.type(ada, "/help")
        talk.telegram.fail(refusal(429, "Too Many Requests: retry after 60", retry_after=60))
        await talk.type(ada, "/privacy")
        await talk.type(ada, "/help")

    assert ["crypto tokens" in each for each in chat.texts] == [True, True]
    assert [each["event"] for each in heard].count("answer.lost") == 1


async def test_a_chat_that_is_answered_slowly_keeps_itself_waiting_alone_and_in_order(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, slow = talk.somebody()
        bob, quick = talk.somebody("Bob")
        people, held = talk.telegram.people, asyncio.Event()
        talk.telegram.fail(Fault(None, held=held, after_effect=True))
        await people.type(ada, "/help")
        await people.wait_until(lambda: len(slow.texts) == 1)
        await people.type(ada, "/privacy")
        for number in range(3):
            await people.type(bob, "/help")
            await people.wait_until(lambda: len(quick.texts) > number)  # noqa: B023
        assert len(slow.texts) == 1
        held.set()
        await talk.telegram.updates.wait_until_confirmed()

    assert "crypto tokens" in slow.texts[0]
    assert "What is stored" in slow.texts[1]
    assert len(slow.texts) == 2
    assert len(quick.texts) == 3


async def test_many_who_write_at_once_are_all_answered_within_what_telegram_takes(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        chats = [talk.somebody()[1] for _ in range(35)]
        for chat in chats:
            assert chat.person is not None
            await talk.telegram.people.type(chat.person, "/help")
        await talk.telegram.updates.wait_until_confirmed(within_seconds=30)

    assert [len(chat.texts) for chat in chats] == [1] * len(chats)
    assert {call.status for call in talk.telegram.calls()} == {200}


async def test_an_answer_that_may_have_arrived_is_not_sent_again(sqlite_url: str) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, chat = talk.somebody()
        talk.telegram.fail(Fault(None, after_effect=True))

        await talk.type(ada, "/help")

    assert len(chat.texts) == 1


async def test_markup_that_is_not_taken_is_said_in_plain_words(sqlite_url: str) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, chat = talk.somebody()
        talk.telegram.fail(refusal(400, "Bad Request: can't parse entities: a fault of ours"))

        await talk.type(ada, "/privacy")

    assert "What is stored of this chat" in chat.texts[0]
    assert "bold" not in {each["type"] for each in chat.messages[-1]["entities"]}


async def test_a_press_that_takes_long_leaves_nobody_with_a_clock_that_spins(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, _ = talk.somebody()
        group = talk.telegram.world.group(creator=ada)
        held = asyncio.Event()
        message = group.keep(BOT, {"text": "Delete?"})
        talk.telegram.fail(Fault(502, held=held), method="getChatAdministrators")

        pressed = await talk.telegram.people.forge(ada, message, "v1:erase")
        answer = await pressed.wait()
        held.set()
        await talk.telegram.updates.wait_until_confirmed()

    assert answer["text"] == ""
    assert "try again in a moment" in group.texts[-1]


async def test_a_message_that_is_gone_is_said_anew_and_one_that_is_the_same_stays(
    sqlite_url: str,
) -> None:
    async with open_talk(sqlite_url) as talk:
        ada, chat = talk.somebody()
        await talk.type(ada, "/start")
        (asked,) = await talk.type(ada, "/stop")
        await talk.press(ada, asked, "Keep it")
        await talk.telegram.people.forge(ada, asked, "v1:spare")
        await talk.telegram.updates.wait_until_confirmed()
        before = len(chat.messages)
        chat.messages.pop()
        await talk.telegram.people.forge(ada, asked, "v1:spare")
        await talk.telegram.updates.wait_until_confirmed()

    assert len(chat.messages) == before
    assert chat.texts[-1] == "Nothing was deleted."
