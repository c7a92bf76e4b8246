"""The log at the terminal: shown whole, and exported as far as anybody reads."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from alerts.bootstrap import open_services
from alerts.settings import Settings
from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import COMMAND, END_SECONDS, environment
from tests.log_rows import Length, app_id, fill

APP = app_id(1)


@pytest.fixture
def long_log(sqlite_url: str) -> str:
    """A database with 450 deliveries of one app, and as many of another."""

    async def make() -> None:
        given = {name.lower(): value for name, value in KEYS.items()}
        settings = Settings.model_validate({**given, "database_url": sqlite_url, "source": "none"})
        async with open_services(settings) as services:
            await fill(services.store, Length(events=30, told=30, endpoints=60, apps=2, tokens=5))

    asyncio.run(make())
    return sqlite_url


@pytest.mark.usefixtures("long_log")
def test_an_export_is_one_delivery_a_line(sqlite_operator: Operator) -> None:
    whole = sqlite_operator.does("delivery", "export", "--app", APP).splitlines()
    dead = sqlite_operator.does(
        *("delivery", "export", "--app", APP, "--state", "dead", "--code", "410")
    )

    exported = [json.loads(line) for line in whole]
    wanted = [one for one in exported if (one["state"], one["status_code"]) == ("dead", 410)]
    assert len({one["id"] for one in exported}) == 450
    assert [json.loads(line) for line in dead.splitlines()] == wanted != []


@pytest.mark.usefixtures("long_log")
def test_a_list_goes_on_after_the_last_one_shown(sqlite_operator: Operator) -> None:
    words = ("delivery", "list", "--app", APP, "--token", "demo:3", "--limit")

    both = sqlite_operator.reads(*words, "6")["data"]
    first = sqlite_operator.reads(*words, "3")["data"]
    then = sqlite_operator.reads(*words, "3", "--before", first[-1]["id"])["data"]

    assert first + then == both
    assert sqlite_operator.fails(*words, "3", "--before", "dlv_0")[0] == 2


def test_an_export_that_nobody_reads_to_its_end_ends_quietly(long_log: str, tmp_path: Path) -> None:
    settings = {**KEYS, "DATABASE_URL": long_log, "SOURCE": "none"}
    with subprocess.Popen(
        [*COMMAND, "delivery", "export", "--app", APP],
        cwd=tmp_path,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        first = program.stdout.readline()
        program.stdout.close()
        told = program.stderr.read()
        ended = program.wait(END_SECONDS)

    assert json.loads(first)["attempts"] == []
    assert (ended, told) == (1, b"")
