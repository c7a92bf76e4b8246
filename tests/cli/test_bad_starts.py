"""What is at fault before anything runs: files and folders, each said on one line."""

import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url

from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import run


@pytest.mark.parametrize("words", [["up"], ["db", "upgrade"], ["key", "list"]], ids=" ".join)
def test_a_file_that_is_no_database_is_one_line(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "gradebell.db"
    file.write_text("a letter to somebody, long enough to be looked at as a header " * 20)

    refused = run(words, tmp_path, KEYS)

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith("gradebell: the database failed: file is not a database (")
    assert file.read_text().startswith("a letter")


@pytest.mark.parametrize("words", [["up"], ["db", "upgrade"]], ids=" ".join)
def test_a_folder_where_no_file_can_be_is_one_line(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path}/file/gradebell.db"

    refused = run(words, tmp_path, {**KEYS, "DATABASE_URL": url})

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "Not a directory" in refused.stderr


def test_a_file_of_settings_that_is_no_utf8_is_one_line(sqlite_operator: Operator) -> None:
    Path(".env").write_bytes("GRADEBELL_PUBLIC_URL=https://münchen.example\n".encode("latin-1"))

    refusal = sqlite_operator.fails("key", "list")

    assert refusal == (1, "gradebell: .env is not UTF-8; save it as UTF-8 text")


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    run(["db", "upgrade"], tmp_path, KEYS)

    assert stat.S_IMODE((tmp_path / "gradebell.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "elsewhere", "problem"),
    [
        (["db", "upgrade"], URL.create("x", port=9), "[Errno "),
        (["worker"], URL.create("x", database="nowhere"), "does not exist"),
    ],
    ids=["nobody there", "no such database"],
)
def test_a_database_that_is_not_where_it_is_looked_for_names_the_setting(
    postgresql_url: str, words: list[str], elsewhere: URL, problem: str, tmp_path: Path
) -> None:
    url = make_url(postgresql_url).set(port=elsewhere.port, database=elsewhere.database)
    settings = {**KEYS, "DATABASE_URL": url.render_as_string(hide_password=False)}

    refused = run(words, tmp_path, settings)

    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert problem in line
    assert line.endswith("; GRADEBELL_DATABASE_URL says where it is, and who asks")
