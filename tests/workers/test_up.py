"""`gradebell up` from an empty folder, as somebody runs it for the first time."""

import asyncio
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.cli.processes import COMMAND, Program, environment, run, running
from tests.discord.bots import APPLICATION_ID, TOKEN
from tests.discord.double import Discord
from tests.discord.world import EVERYTHING, May
from tests.programs import free_port
from tests.telegram.double import TOKEN as TELEGRAM_TOKEN
from tests.telegram.double import Telegram

WORDS = ["up", "--day-seconds", "2"]
VERIFIED = "verified by the sample receiver"


@pytest.fixture
def settings() -> dict[str, str]:
    return {"PORT": str(free_port())}


def demo_key(up: Program) -> str:
    return up.wait_for("Demo key").split()[-1]


def days_of(up: Program) -> list[str]:
    return re.findall(r"^(\S+) trader", up.output, re.MULTILINE)


def test_the_first_start_shows_a_verified_delivery_and_ends_in_order(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running(WORDS, tmp_path, settings) as up:
        told = up.wait_for("✓", VERIFIED)
        code = up.end(signal.SIGINT)

    counts = re.findall(r"\d+", told)
    assert counts[0] == counts[1]
    assert int(counts[0]) > 0
    assert re.search(r"^  [▲▼] \S+ +\w.* → .*\d → .*\d$", up.output, re.MULTILINE)
    assert code == 0
    assert up.lines[-1] == "Stopped. The next start goes on from here."
    (hint,) = [line for line in up.lines if "Telegram" in line]
    assert "/newbot to @BotFather" in hint
    assert "GRADEBELL_TELEGRAM_BOT_TOKEN" in hint
    assert "Traceback" not in up.output
    assert "\x1b" not in up.output


def test_a_second_start_goes_on_at_the_next_day(settings: dict[str, str], tmp_path: Path) -> None:
    with running(WORDS, tmp_path, settings) as first:
        first.wait_for(VERIFIED)
        endpoint = first.wait_for("Sample receiver").split()[3]
        assert first.end(signal.SIGTERM) == 0

    with running(WORDS, tmp_path, settings) as second:
        second.wait_for("✓", VERIFIED)
        assert second.end(signal.SIGTERM) == 0

    assert days_of(second)[0] > days_of(first)[-1]
    assert endpoint in second.wait_for("Sample receiver")
    assert demo_key(first) != demo_key(second)


def test_the_next_command_it_names_works_as_it_is(settings: dict[str, str], tmp_path: Path) -> None:
    with running(WORDS, tmp_path, settings) as up:
        up.wait_for(VERIFIED)
        line = up.wait_for("curl -H")
        header, url = re.findall(r"'([^']*)'", line)
        name, value = header.split(": ")

        answer = httpx.get(url, headers={name: value})

    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 3


def test_the_demo_key_pushes_to_the_source_demo_and_what_it_changes_is_shown(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running(WORDS, tmp_path, settings) as up:
        key = demo_key(up)
        up.wait_for(VERIFIED)
        for day, score in (("01", 50), ("02", 95)):
            grade = {"token_id": "1", "symbol": "MINE", "score": score}
            pushed = httpx.post(
                f"http://127.0.0.1:{settings['PORT']}/v1/cycles",
                headers={"authorization": f"Bearer {key}"},
                json={
                    "source": "demo",
                    "kind": "trader",
                    "as_of": f"2026-02-{day}",
                    "grades": [grade],
                },
            )
            assert pushed.status_code == 201

        up.wait_for("▲ MINE", "Neutral → Strong Buy", "50 → 95")


def test_the_keys_it_makes_are_the_owners_alone_and_other_lines_stay(
    settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nGRADEBELL_MOVE_STEP=7\nGRADEBELL_ADMIN_KEY=\n")

    with running(WORDS, tmp_path, settings) as up:
        up.wait_for("Made for you, in .env: GRADEBELL_ADMIN_KEY and GRADEBELL_ENCRYPTION_KEYS")

    lines = file.read_text().splitlines()
    assert lines[:2] == ["# mine", "GRADEBELL_MOVE_STEP=7"]
    assert [line.partition("=")[0] for line in lines[2:]] == [
        "GRADEBELL_ADMIN_KEY",
        "GRADEBELL_ENCRYPTION_KEYS",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(line.partition("=")[2] in up.output for line in lines[2:])


def test_a_port_that_is_taken_is_one_line_and_disturbs_nobody(
    settings: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with running(WORDS, tmp_path, settings) as first:
        key = demo_key(first)
        with running(WORDS, elsewhere, settings) as second:
            assert second.process.wait(30) == 1
        answer = httpx.get(
            f"http://127.0.0.1:{settings['PORT']}/v1/events",
            headers={"authorization": f"Bearer {key}"},
        )

    assert second.lines == [line for line in second.lines if line.startswith("gradebell: ")]
    assert second.lines[0].startswith("gradebell: GRADEBELL_PORT: cannot listen on 127.0.0.1:")
    assert answer.status_code == 200


def test_without_a_source_it_serves_and_waits(settings: dict[str, str], tmp_path: Path) -> None:
    settings["SOURCE"] = "none"

    with running(["up"], tmp_path, settings) as up:
        up.wait_for("Ctrl-C ends it.")
        healthy = httpx.get(f"http://127.0.0.1:{settings['PORT']}/readyz").status_code

        assert up.end(signal.SIGINT) == 0
    assert healthy == 200


def test_a_key_that_is_not_taken_is_said_again_at_the_next_start(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running(["sandbox", "--port", "0"], tmp_path, {}) as sandbox:
        settings["TOKEN_METRICS_URL"] = sandbox.wait_for("_URL=").partition("=")[2]
        settings["TOKEN_METRICS_REQUESTS_PER_MINUTE"] = "600"
        settings["TOKEN_METRICS_API_KEY"] = "tm-mistyped"
        with running(["up"], tmp_path, settings) as first:
            told = first.wait_for("forbidden, next try in 1800 s")
            assert first.end(signal.SIGINT) == 0

        settings["TOKEN_METRICS_API_KEY"] = "tm-sandbox"
        with running(["up"], tmp_path, settings) as second:
            again = second.wait_for("forbidden, next try in ")
            asked = run(["cycle", "run", "--kind", "trader"], tmp_path, settings)
            assert second.end(signal.SIGINT) == 0

    assert told.endswith("; once it is mended: gradebell cycle run")
    assert "59 " in asked.stdout
    assert again.endswith("; once it is mended: gradebell cycle run")


def test_a_receiver_that_hangs_does_not_hold_up_the_end(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, answers never
        port = silent.getsockname()[1]
        settings["TRUSTED_DESTINATIONS"] = f"127.0.0.1:{port}"
        with running(WORDS, tmp_path, settings) as up:
            key = demo_key(up)
            made = httpx.post(
                f"http://127.0.0.1:{settings['PORT']}/v1/endpoints",
                headers={"authorization": f"Bearer {key}"},
                json={"channel": "webhook", "url": f"http://127.0.0.1:{port}/"},
            )
            assert made.status_code == 201
            silent.settimeout(30)
            connection, _ = silent.accept()

            with connection:
                assert up.end(signal.SIGINT, within_seconds=15) == 0
    assert "Traceback" not in up.output


def test_a_reader_that_goes_away_ends_it_in_order(settings: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, *WORDS],
        cwd=tmp_path,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as up:
        assert up.stdout is not None
        assert up.stderr is not None
        for line in up.stdout:
            if "grades" in line:
                break
        up.stdout.close()

        code = up.wait(30)
        complaint = up.stderr.read()

    assert (code, complaint) == (0, "")


async def test_the_bot_on_discord_is_there_too_where_there_is_a_token(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Discord() as discord:
        place = discord.world.channel()
        told = {"DISCORD_API_URL": discord.api_url, "DISCORD_BOT_TOKEN": TOKEN}
        with running(WORDS, tmp_path, settings | told) as up:
            await asyncio.to_thread(up.wait_for, VERIFIED)
            link = await asyncio.to_thread(up.wait_for, "/oauth2/authorize")
            shown = await discord.interactions.type("upgrades", channel=place, permissions=0)
            code = await asyncio.to_thread(up.end, signal.SIGTERM)

    asked = parse_qs(urlsplit(link.strip()).query)
    assert asked["client_id"] == [APPLICATION_ID]
    assert asked["scope"] == ["bot applications.commands"]
    assert May(int(asked["permissions"][0])) == EVERYTHING
    assert "Trader grades" in shown.text
    assert code == 0
    assert "Traceback" not in up.output
    assert "WARNING" not in up.output


async def test_the_bot_on_telegram_is_there_too_where_there_is_a_token(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Telegram() as telegram:
        told = {"TELEGRAM_API_URL": telegram.api_url, "TELEGRAM_BOT_TOKEN": TELEGRAM_TOKEN}
        ada = telegram.world.person()
        chat = telegram.world.chat_of(ada)
        with running(WORDS, tmp_path, settings | told) as up:
            link = await asyncio.to_thread(up.wait_for, "The bot is on Telegram")
            await asyncio.to_thread(up.wait_for, VERIFIED)
            await telegram.people.type(ada, "/start")
            await telegram.updates.wait_until_confirmed()
            choices = chat.messages[-1]["reply_markup"]["inline_keyboard"]
            await telegram.people.press(ada, chat.messages[-1], choices[0][0]["text"])
            await telegram.people.wait_until(lambda: "You follow" in chat.texts[-1])
            code = await asyncio.to_thread(up.end, signal.SIGTERM)

    assert link.endswith("https://t.me/gradebell_bot")
    assert code == 0
    assert "Traceback" not in up.output
    assert "BotFather" not in up.output
    assert TELEGRAM_TOKEN not in up.output


async def test_a_bot_that_discord_does_not_take_is_said_and_the_rest_goes_on(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Discord() as discord:
        told = {"DISCORD_API_URL": discord.api_url, "DISCORD_BOT_TOKEN": "another"}
        with running(WORDS, tmp_path, settings | told) as up:
            await asyncio.to_thread(up.wait_for, "No bot on Discord: GRADEBELL_DISCORD_BOT_TOKEN")
            await asyncio.to_thread(up.wait_for, VERIFIED)
            code = await asyncio.to_thread(up.end, signal.SIGTERM)

    assert code == 0
