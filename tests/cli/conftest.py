"""Commands run in this process, on a database of the test's own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.store.cipher import new_encryption_key
from workers.cli import app

ENCRYPTION_KEY = new_encryption_key()
KEYS = {"ADMIN_KEY": "an-admin-key-of-the-tests", "ENCRYPTION_KEYS": ENCRYPTION_KEY}


class Operator:
    """Somebody at a terminal. settings: without their prefix."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)

    def run(self, *words: str, given: str | None = None) -> Result:
        """Run a command; whatever comes of it. given: what is piped into it."""
        set_to = {f"GRADEBELL_{name}": value for name, value in self.settings.items()}
        return CliRunner().invoke(app, list(words), env=set_to, input=given)

    def does(self, *words: str) -> str:
        """Run a command that must work; what it printed."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def reads(self, *words: str) -> Any:  # noqa: ANN401 - JSON.
        """Run a command that must work, with --json; what it printed."""
        return json.loads(self.does(*words, "--json"))

    def fails(self, *words: str) -> tuple[int, str]:
        """Run a command that must not work; exit code, and the one line it complains with."""
        result = self.run(*words)
        lines = result.stderr.splitlines()
        assert result.exit_code != 0
        assert len(lines) == 1, result.output
        return result.exit_code, lines[0]


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    """A configuration that works, on each database."""
    return {**KEYS, "DATABASE_URL": database_url, "SOURCE": "none"}


@pytest.fixture
def operator(
    settings: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.chdir(tmp_path)  # away from anybody's .env
    return Operator(settings)


@pytest.fixture
def sqlite_operator(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """On SQLite alone, where the database is not the point."""
    monkeypatch.chdir(tmp_path)
    return Operator({**KEYS, "DATABASE_URL": sqlite_url, "SOURCE": "none"})


@pytest.fixture
def grades(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file of grades from its lines; its path."""

    def write(text: str) -> str:
        path = tmp_path / f"grades-{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(text)
        return str(path)

    return write
