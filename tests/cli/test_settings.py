"""What every command does with settings: those that are wrong are named on one line."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alerts.store.cipher import new_encryption_key
from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import run
from tests.programs import free_port

REFUSING = ["api", "worker", "db upgrade", "check", "cycle list", "key list", "source list"]


@pytest.mark.parametrize("command", REFUSING)
@pytest.mark.parametrize("name", ["ADMIN_KEY", "ENCRYPTION_KEYS"])
def test_no_command_starts_without_the_keys(
    sqlite_operator: Operator, command: str, name: str
) -> None:
    del sqlite_operator.settings[name]

    code, told = sqlite_operator.fails(*command.split())

    assert code == 1
    assert told.startswith(f"gradebell: GRADEBELL_{name} is not set; `gradebell up` writes one")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "mysql://x", "GRADEBELL_DATABASE_URL must start with"),
        ("DATABASE_URL", "sqlite+aiosqlite:///nowhere/at/all.db", "the database failed: unable to"),
        ("ENCRYPTION_KEYS", "short", "GRADEBELL_ENCRYPTION_KEYS must be one or more Fernet keys"),
        ("PORT", "70000", "GRADEBELL_PORT: "),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "GRADEBELL_TRUSTED_PROXIES: must be addresses or net"),
        ("KEY_REQUESTS_PER_SECOND", "0", "GRADEBELL_KEY_REQUESTS_PER_SECOND: "),
        ("SOURCE", "elsewhere", "GRADEBELL_SOURCE: must be one of sandbox, token_metrics, none"),
        ("NO_SUCH", "1", "GRADEBELL_NO_SUCH is not a setting"),
        ("REDIS_URL", "localhost:6379", "GRADEBELL_REDIS_URL must start with redis://"),
        ("TRUSTED_DESTINATIONS", "here", "GRADEBELL_TRUSTED_DESTINATIONS"),
        ("PUBLIC_URL", "foo", "GRADEBELL_PUBLIC_URL: must be an address such as https://"),
        ("PUBLIC_URL", "https:///x", "GRADEBELL_PUBLIC_URL: must be an address such as https://"),
        ("TOKEN_PAGE_URL", "https://x/{foo}", "GRADEBELL_TOKEN_PAGE_URL: knows {symbol}, {slug} "),
        ("TOKEN_PAGE_URL", "https://x/{symbol", "GRADEBELL_TOKEN_PAGE_URL: knows {symbol}, {slug"),
        ("TOKEN_PAGE_URL", "x/{symbol}", "GRADEBELL_TOKEN_PAGE_URL: must be an address such as"),
        ("ADMIN_KEY", "short", "GRADEBELL_ADMIN_KEY: must be 16 or more letters, digits and signs"),
        ("ADMIN_KEY", "with blanks in between", "GRADEBELL_ADMIN_KEY: must be 16 or more letters"),
        ("ADMIN_KEY", "schlüssel-des-betreibers", "GRADEBELL_ADMIN_KEY: must be 16 or more let"),
    ],
    ids=lambda value: value if str(value).isupper() else "",
)
def test_a_wrong_setting_is_named_on_one_line(
    sqlite_operator: Operator, name: str, value: str, told: str
) -> None:
    sqlite_operator.settings[name] = value

    code, line = sqlite_operator.fails("key", "list")

    assert code == 1
    assert line.startswith(f"gradebell: {told}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_METRICS_API_KEY", "not a key"),
        ("TOKEN_METRICS_URL", "nowhere"),
        ("TOKEN_METRICS_TOKENS", "1,two three"),
        ("TOKEN_METRICS_TOKENS", "BTC"),
    ],
)
def test_a_source_that_cannot_work_is_said_in_the_words_of_the_settings(
    sqlite_operator: Operator, name: str, value: str
) -> None:
    sqlite_operator.settings |= {"SOURCE": "token_metrics", "TOKEN_METRICS_API_KEY": "tm-x"}
    sqlite_operator.settings[name] = value

    code, line = sqlite_operator.fails("key", "list")

    assert code == 1
    assert line.startswith(f"gradebell: GRADEBELL_{name} ")


@pytest.mark.parametrize("words", [["key", "list"], ["worker"], ["api"]], ids=" ".join)
def test_a_database_without_tables_says_what_makes_them(
    sqlite_operator: Operator, words: list[str], tmp_path: Path
) -> None:
    sqlite_operator.settings["DATABASE_URL"] = f"sqlite+aiosqlite:///{tmp_path}/new.db"

    before = run(words, tmp_path, sqlite_operator.settings)
    upgraded = sqlite_operator.run("db", "upgrade")
    after = sqlite_operator.run("key", "list")

    assert before.returncode == 1
    assert before.stderr.strip().endswith("`gradebell db upgrade` makes the tables")
    assert (upgraded.exit_code, after.exit_code) == (0, 0)


def test_the_database_is_upgraded_on_both_engines(empty_database_url: str, tmp_path: Path) -> None:
    settings = {**KEYS, "DATABASE_URL": empty_database_url}

    once = run(["db", "upgrade"], tmp_path, settings)
    twice = run(["db", "upgrade", "--json"], tmp_path, settings)

    assert (once.returncode, once.stdout) == (0, "The database is up to date.\n")
    assert twice.returncode == 0


def test_going_back_to_an_older_release_leaves_the_database_as_it_is(
    sqlite_operator: Operator, tmp_path: Path
) -> None:
    sqlite_operator.settings["DATABASE_URL"] = f"sqlite+aiosqlite:///{tmp_path}/newer.db"
    sqlite_operator.does("db", "upgrade")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")

    upgraded = run(["db", "upgrade"], tmp_path, sqlite_operator.settings)
    listed = sqlite_operator.run("key", "list")

    assert (upgraded.returncode, listed.exit_code) == (0, 0)
    assert upgraded.stdout == "The database is newer than this release: left as it is.\n"
    [line] = upgraded.stderr.splitlines()
    assert '"schema.newer"' in line


def test_a_database_made_with_another_key_is_not_read(sqlite_operator: Operator) -> None:
    sqlite_operator.does("key", "list")
    sqlite_operator.settings["ENCRYPTION_KEYS"] = new_encryption_key()

    code, line = sqlite_operator.fails("key", "list")

    assert code == 1
    assert line.endswith("was made with a key not in GRADEBELL_ENCRYPTION_KEYS")


def test_without_words_there_is_help(sqlite_operator: Operator) -> None:
    result = sqlite_operator.run()

    assert result.exit_code == 2
    assert "Usage" in result.output
    assert result.stderr == ""


def test_an_unknown_command_is_one_line(sqlite_operator: Operator) -> None:
    refusal = sqlite_operator.fails("cicle")

    assert refusal == (2, "gradebell: No such command 'cicle'. Did you mean 'cycle'?")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({}, 0, "GRADEBELL_SOURCE: none: no requests are counted"),
        (
            {"SOURCE": "token_metrics", "TOKEN_METRICS_API_KEY": "tm-x"},
            1,
            "7500 requests a month, of 5000 (150 %); set GRADEBELL_TRADER_INTERVAL_SECONDS to 5520",
        ),
        (
            {
                "SOURCE": "token_metrics",
                "TOKEN_METRICS_API_KEY": "tm-x",
                "TOKEN_METRICS_TOKENS": "3375,3306",
            },
            0,
            "750 requests a month, of 5000 (15 %)",
        ),
        (
            {
                "SOURCE": "token_metrics",
                "TOKEN_METRICS_API_KEY": "tm-x",
                "TRADER_INTERVAL_SECONDS": "300",
                "TOKEN_METRICS_REQUESTS_PER_MONTH": "1000000",
            },
            1,
            "at 1 a minute one takes 540 s, longer than the 300 s between them",
        ),
        (
            {
                "SOURCE": "token_metrics",
                "TOKEN_METRICS_API_KEY": "your-key",
                "TRADER_INTERVAL_SECONDS": "7200",
                "PUBLIC_URL": "https://grades.example.com",
            },
            0,
            "3900 requests a month, of 5000 (78 %)",
        ),
        ({"HTTPS_ONLY": "false"}, 0, "think  GRADEBELL_HTTPS_ONLY"),
    ],
    ids=[
        "no source",
        "over the month",
        "a watch list",
        "over the minute",
        "the runbook's",
        "plain http",
    ],
)
def test_check_holds_the_settings_against_the_budget(
    sqlite_operator: Operator, changes: dict[str, str], code: int, told: str
) -> None:
    sqlite_operator.settings |= changes

    result = sqlite_operator.run("check")

    assert result.exit_code == code
    assert told in result.stdout


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SURE_MARGIN": "8"}, "of no effect: with GRADEBELL_TRADER_CONFIRM_CYCLES=1 "),
        ({"SURE_MARGIN": "3", "CONFIRM_CYCLES": "2"}, "with 3 all are sure"),
        ({"SURE_MARGIN": "3.5", "CONFIRM_CYCLES": "2"}, None),
        ({"CONFIRM_CYCLES": "2"}, None),
    ],
    ids=["nothing to confirm", "within the margin", "beyond the margin", "none"],
)
def test_check_says_which_margin_does_nothing(
    sqlite_operator: Operator, changes: dict[str, str], told: str | None
) -> None:
    sqlite_operator.settings |= {f"TRADER_{name}": value for name, value in changes.items()}

    findings = sqlite_operator.reads("check")["findings"]

    said = [one["told"] for one in findings if one["setting"] == "GRADEBELL_TRADER_SURE_MARGIN"]
    assert len(said) == (told is not None)
    assert all(told in line for line in said if told is not None)


@pytest.mark.parametrize(("revision", "code"), [("0001", 1), ("9999", 0)], ids=["older", "newer"])
def test_check_finds_tables_of_an_older_release(
    sqlite_operator: Operator, revision: str, code: int
) -> None:
    path = sqlite_operator.settings["DATABASE_URL"].partition("///")[2]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])

    result = sqlite_operator.run("check")

    assert result.exit_code == code
    assert ("wrong  GRADEBELL_DATABASE_URL: its tables are an older" in result.stdout) == bool(code)
    assert ("`gradebell db upgrade`" in result.stdout) == bool(code)


def test_check_finds_a_redis_that_is_not_there(sqlite_operator: Operator) -> None:
    sqlite_operator.settings["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}"

    found = sqlite_operator.run("check", "--json")

    (wrong,) = [one for one in json.loads(found.stdout)["findings"] if one["level"] == "wrong"]
    assert (found.exit_code, found.stderr) == (1, "")
    assert wrong["setting"] == "GRADEBELL_REDIS_URL"
    assert wrong["told"].startswith("Redis does not answer")


def test_check_says_as_json_what_keeps_everything_from_starting(sqlite_operator: Operator) -> None:
    sqlite_operator.settings["PUBLIC_URL"] = "foo"

    found = sqlite_operator.run("check", "--json")

    assert (found.exit_code, found.stderr) == (1, "")
    told = json.loads(found.stdout)
    assert told["sound"] is False
    assert [one["setting"] for one in told["findings"]] == ["GRADEBELL_PUBLIC_URL"]


def test_check_finds_a_redis_that_is_there(operator: Operator, redis_url: str) -> None:
    operator.settings["REDIS_URL"] = redis_url

    found = operator.reads("check")

    assert found["sound"] is True
    assert {"level": "fine", "setting": "GRADEBELL_REDIS_URL", "told": "Redis answers"} in found[
        "findings"
    ]
