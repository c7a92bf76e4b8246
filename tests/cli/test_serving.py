"""Commands that run until they are asked to end: `api`, `sandbox`, `listen`."""

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import run, running
from tests.programs import free_port


@pytest.fixture
def api_settings(database_url: str) -> dict[str, str]:
    return {**KEYS, "DATABASE_URL": database_url, "SOURCE": "none", "PORT": str(free_port())}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_api_answers_until_it_is_asked_to_end(
    api_settings: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    with running(["api"], tmp_path, api_settings) as api:
        url = json.loads(api.wait_for("api.started"))["url"]
        healthy = httpx.get(f"{url}/readyz").status_code
        keys = httpx.get(f"{url}/v1/keys", headers={"authorization": f"Bearer {KEYS['ADMIN_KEY']}"})

        code = api.end(number)

    assert (healthy, keys.status_code, code) == (200, 200, 0)
    assert "Traceback" not in api.output


def test_a_port_that_is_taken_is_one_line_that_names_the_setting(
    api_settings: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", int(api_settings["PORT"]))):
        ended = run(["api"], tmp_path, api_settings)

    assert ended.returncode == 1
    assert ended.stderr.startswith("gradebell: GRADEBELL_PORT: cannot listen on 127.0.0.1:")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["sandbox", "listen"])
def test_a_server_without_settings_ends_in_order(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    with running([command, "--port", "0"], tmp_path, {}) as server:
        server.wait_for("Ctrl-C ends it.")

        assert server.end(number) == 0
    assert "Traceback" not in server.output


def test_the_sandbox_stands_in_for_upstream(tmp_path: Path) -> None:
    words = ["sandbox", "--port", "0", "--tokens", "7", "--today", "2026-02-03", "--undated"]
    with running(words, tmp_path, {}) as sandbox:
        url = sandbox.wait_for("The sandbox answers on").split()[4]

        answer = httpx.get(f"{url}/v2/fundamental-grade", headers={"x-api-key": "tm-sandbox"})
        clock = httpx.get(f"{url}/_sandbox/clock").json()

    assert answer.json()["length"] == 6  # the seventh was delisted the day before
    assert "DATE" not in answer.json()["data"][0]
    assert clock["today"] == "2026-02-03"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sandbox", "--today", "tomorrow"], "--today: must be a date such as 2026-01-01"),
        (["sandbox", "--today", "2020-01-01"], "--today: must be from 2026-01-01 to"),
        (["sandbox", "--tokens", "0"], "--tokens: must be from 1 to"),
        (["listen", "--secret", "whsec_c2hvcnQ="], "--secret: is 24 to 64 bytes"),
        (["listen", "--port", "70000"], "Invalid value for '--port'"),
    ],
    ids=["no date", "too early", "no tokens", "no secret", "no port"],
)
def test_an_option_that_cannot_work_is_named(
    sqlite_operator: Operator, words: list[str], told: str
) -> None:
    code, line = sqlite_operator.fails(*words)

    assert code == 2
    assert line.startswith(f"gradebell: {told}")


def test_a_scenario_brings_its_own_market_upstream_and_faults(tmp_path: Path) -> None:
    words = ["sandbox", "--port", "0", "--scenario", "third-version", "--day-seconds", "3600"]
    with running(words, tmp_path, {}) as server:
        url = server.wait_for("GRADEBELL_TOKEN_METRICS_URL=").partition("=")[2]
        server.wait_for("GRADEBELL_TOKEN_METRICS_PROFILE=v3")
        clock = httpx.get(f"{url}/_sandbox/clock").json()
        page = httpx.get(f"{url}/v3/tm-grade", headers={"x-api-key": "tm-sandbox"}).json()

        assert server.end(signal.SIGINT) == 0

    assert clock["day_seconds"] == 3600
    assert page["length"] == 50


def test_the_sandbox_says_how_often_it_is_to_be_polled_for_no_day_to_be_missed(
    tmp_path: Path,
) -> None:
    words = ["sandbox", "--port", "0", "--day-seconds", "30", "--plan", "basic"]
    with running(words, tmp_path, {}) as server:
        server.wait_for("GRADEBELL_FUNDAMENTAL_INTERVAL_SECONDS=30")
        assert server.end(signal.SIGINT) == 0

    assert "GRADEBELL_TRADER_INTERVAL_SECONDS=8" in server.lines
    assert "GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MINUTE=20" in server.lines
    assert "GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MONTH=5000" in server.lines


def test_a_scenario_that_is_none_is_refused_with_those_there_are(
    sqlite_operator: Operator,
) -> None:
    _, line = sqlite_operator.fails("sandbox", "--scenario", "armageddon")

    assert "quiet-week" in line
