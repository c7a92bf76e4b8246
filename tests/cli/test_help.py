"""Every command says what it does, with an example."""

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from alerts import __version__
from workers.cli import app
from workers.start import main

ROOT = Path(__file__).parent.parent.parent
COMMANDS = {
    "up", "api", "worker", "db upgrade", "source list",
    "cycle run", "cycle import", "cycle list", "cycle show", "cycle release", "cycle discard",
    "event list", "digest run", "dispatch",
    "endpoint add", "endpoint list", "endpoint show", "endpoint test",
    "endpoint rotate-secret", "endpoint secrets", "endpoint revoke-secret", "endpoint preview",
    "endpoint backtest", "endpoint pause", "endpoint enable", "endpoint delete", "endpoint explain",
    "delivery list", "delivery show", "delivery export", "delivery expunge", "delivery resend",
    "replay", "app create", "app list", "app delete", "key create", "key list", "key revoke",
    "sandbox", "listen", "check", "bot discord", "bot telegram",
}  # fmt: skip
# An export is JSON in any case.
TAKE_NO_JSON = {
    "up", "api", "worker", "sandbox", "listen", "delivery export", "bot discord", "bot telegram",
}  # fmt: skip


def commands() -> Iterator[str]:
    root = typer.main.get_command(app)
    for name, command in vars(root)["commands"].items():
        below = vars(command).get("commands")
        yield from [name] if below is None else (f"{name} {inner}" for inner in below)


def told_by_help(command: str) -> str:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"NO_COLOR": "1"})
    assert result.exit_code == 0
    return " ".join(result.output.replace("│", " ").split())


def test_these_are_the_commands() -> None:
    assert set(commands()) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_shows_an_example_of_the_command(command: str) -> None:
    told = told_by_help(command)

    assert f"Example: gradebell {command}" in told


@pytest.mark.parametrize("command", sorted(COMMANDS - TAKE_NO_JSON))
def test_a_command_that_prints_data_prints_json_too(command: str) -> None:
    assert "--json" in told_by_help(command)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_an_example_uses_options_that_there_are(command: str) -> None:
    example = told_by_help(command).partition("Example: ")[2]
    options = {word for word in shlex.split(example) if word.startswith("--")}

    assert options <= set(told_by_help(command).partition("Example: ")[0].split())


def test_the_console_script_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["scripts"] == {"gradebell": f"{main.__module__}:{main.__name__}"}


def test_no_command_waits_until_the_api_s_framework_is_read() -> None:
    looked = "import sys, workers.cli; sys.exit('fastapi' in sys.modules)"

    read = subprocess.run([sys.executable, "-c", looked], cwd=ROOT, check=False)

    assert read.returncode == 0


def test_it_says_which_version_it_is() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.output) == (0, f"gradebell {__version__}\n")


def test_a_number_that_is_out_of_range_is_refused_in_plain_words() -> None:
    result = CliRunner().invoke(app, ["sandbox", "--day-seconds", "nan"])

    assert result.exit_code == 2
    assert "--day-seconds': must be greater than or equal to 0" in result.stderr
