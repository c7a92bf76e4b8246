"""`gradebell bot telegram`, from the operator's side."""

import asyncio
import json
import signal
from pathlib import Path

from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import running
from tests.faults import Fault
from tests.telegram.double import TOKEN, Telegram

WORDS = ["bot", "telegram"]


def settings_of(telegram: Telegram, database_url: str) -> dict[str, str]:
    return {
        **KEYS,
        "DATABASE_URL": database_url,
        "TELEGRAM_API_URL": telegram.api_url,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "SEND_DEADLINE_SECONDS": "0.5",
        "LEASE_SECONDS": "1",
        "LOG_LEVEL": "DEBUG",
    }


def test_without_a_token_it_says_how_to_get_one(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails(*WORDS)

    assert code != 0
    assert "GRADEBELL_TELEGRAM_BOT_TOKEN is not set; write /newbot to @BotFather" in line


async def test_a_bot_that_was_killed_in_the_midst_is_followed_by_one_that_answers(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with Telegram() as telegram:
        settings = settings_of(telegram, sqlite_url)
        people = [telegram.world.person(name) for name in ("Ada", "Bob", "Cleo")]
        never = asyncio.Event()
        with running(WORDS, tmp_path, settings) as first:
            told = await asyncio.to_thread(first.wait_for, "bot.started")
            telegram.fail(Fault(None, held=never, after_effect=True))
            for person in people:
                await telegram.people.type(person, "/start")
            await telegram.people.wait_until(
                lambda: any(telegram.world.chat_of(each).texts for each in people)
            )
            first.process.kill()
            await asyncio.to_thread(first.process.wait)
        never.set()
        telegram.forgive()
        assert telegram.updates.waiting != []
        with running(WORDS, tmp_path, settings) as second:
            await telegram.updates.wait_until_confirmed(within_seconds=30)
            code = await asyncio.to_thread(second.end, signal.SIGTERM)

    assert json.loads(told)["link"] == "https://t.me/gradebell_bot"
    assert all(telegram.world.chat_of(each).texts for each in people)
    assert code == 0
    assert "Traceback" not in second.output


async def test_the_token_is_in_no_line_of_the_log_whatever_goes_wrong(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = f"<html>/bot{TOKEN}/getUpdates</html>".encode()
    faults = [Fault(status, body=path) for status in (401, 404, 409, 502)]
    async with Telegram() as telegram:
        telegram.fail(*faults[:2], method="getMe")
        with running(WORDS, tmp_path, settings_of(telegram, sqlite_url)) as bot:
            await asyncio.to_thread(bot.wait_for, "bot.started")
            ada = telegram.world.person()
            for fault in (*faults, Fault(None), Fault(200, body=path)):
                telegram.fail(fault, method="getUpdates")
                telegram.fail(fault)
                await telegram.people.type(ada, "/help")
                await telegram.updates.wait_until_confirmed(within_seconds=30)
            await asyncio.to_thread(bot.end, signal.SIGTERM)

    secret = TOKEN.partition(":")[2]
    assert "[redacted]" in bot.output
    assert secret not in bot.output
    assert secret.encode() not in file_of(sqlite_url).read_bytes()


def file_of(database_url: str) -> Path:
    return Path(database_url.partition(":///")[2])
