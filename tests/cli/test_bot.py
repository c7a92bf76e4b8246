"""`gradebell bot discord`, from the operator's side."""

import asyncio
import json
import signal
from pathlib import Path

from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import running
from tests.discord.bots import APPLICATION_ID, TOKEN
from tests.discord.double import Discord

WORDS = ["bot", "discord"]


def test_without_a_token_it_says_which_setting_lacks(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails(*WORDS)

    assert code != 0
    assert "GRADEBELL_DISCORD_BOT_TOKEN is not set" in line


async def test_a_bot_that_was_killed_is_followed_by_one_that_answers(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with Discord() as discord:
        place = discord.world.channel()
        settings = {
            **KEYS,
            "DATABASE_URL": sqlite_url,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_BOT_TOKEN": TOKEN,
            "SEND_DEADLINE_SECONDS": "0.5",
            "LEASE_SECONDS": "1",
        }
        with running(WORDS, tmp_path, settings) as first:
            told = await asyncio.to_thread(first.wait_for, "bot.started")
            first.process.kill()
            await asyncio.to_thread(first.process.wait)
        with running(WORDS, tmp_path, settings) as second:
            await asyncio.to_thread(second.wait_for, "bot.started")
            answer = await discord.interactions.type("help", channel=place)
            code = await asyncio.to_thread(second.end, signal.SIGTERM)

    assert f"client_id={APPLICATION_ID}&" in json.loads(told)["invite"]
    assert len(answer.answers) == 1
    assert code == 0
    assert "Traceback" not in second.output
