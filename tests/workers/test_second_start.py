"""`gradebell up` where another one runs or ran: what is not its own it leaves alone."""

import signal
from pathlib import Path

import pytest

from alerts.store.cipher import new_encryption_key
from tests.cli.processes import run, running
from tests.programs import free_port

READY = "Ctrl-C ends it."


@pytest.fixture
def settings() -> dict[str, str]:
    return {"PORT": str(free_port()), "SOURCE": "none"}


@pytest.fixture
def old(settings: dict[str, str], tmp_path: Path) -> Path:
    """A folder where it ran once."""
    with running(["up"], tmp_path, settings) as up:
        up.wait_for(READY)
        assert up.end(signal.SIGINT) == 0
    return tmp_path


def test_a_second_one_in_the_same_folder_does_not_start(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with running(["up"], tmp_path, settings) as first:
        first.wait_for(READY)

        second = run(["up"], tmp_path, {**settings, "PORT": str(free_port())})

        assert first.end(signal.SIGINT) == 0
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"gradebell: another `gradebell up` is running on {tmp_path}/gradebell.db; "
        "end that one, or start this one in another folder\n"
    )


def test_one_that_was_killed_keeps_nobody_out(settings: dict[str, str], tmp_path: Path) -> None:
    with running(["up"], tmp_path, settings) as first:
        first.wait_for(READY)
        first.end(signal.SIGKILL)

    with running(["up"], tmp_path, settings) as second:
        second.wait_for(READY)


def test_without_the_old_keys_no_new_ones_are_made(settings: dict[str, str], old: Path) -> None:
    (old / ".env").unlink()

    lost = run(["up"], old, settings)

    assert lost.returncode == 1
    assert lost.stderr == (
        "gradebell: GRADEBELL_ENCRYPTION_KEYS is not set, and it held the key that gradebell.db "
        "was made with: restore the old .env, or move gradebell.db away\n"
    )
    assert not (old / ".env").exists()


def test_another_key_is_refused_before_anything_is_changed(
    settings: dict[str, str], old: Path
) -> None:
    before = (old / "gradebell.db").read_bytes()

    refused = run(["up"], old, {**settings, "ENCRYPTION_KEYS": new_encryption_key()})

    assert refused.returncode == 1
    assert "restore the old .env, or move gradebell.db away" in refused.stderr
    assert (old / "gradebell.db").read_bytes() == before
