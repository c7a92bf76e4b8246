"""The keys that a first start makes."""

import stat
from pathlib import Path

import pytest

from alerts.errors import SettingsInvalid
from alerts.settings import Settings, load_settings
from alerts.store.cipher import Cipher
from workers.env_file import write_missing_keys

NAMES = ("GRADEBELL_ADMIN_KEY", "GRADEBELL_ENCRYPTION_KEYS")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def test_missing_keys_are_made_and_work(file: Path) -> None:
    made = write_missing_keys(load_settings(), file)

    settings = load_settings()
    settings.require_keys()
    assert made == NAMES
    assert Cipher(settings.keys).decrypt(Cipher(settings.keys).encrypt(b"x")) == b"x"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_that_are_there_stay(file: Path) -> None:
    write_missing_keys(load_settings(), file)
    before = file.read_text()

    made = write_missing_keys(load_settings(), file)

    assert made == ()
    assert file.read_text() == before


def test_a_key_of_the_environment_is_not_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADEBELL_ADMIN_KEY", "my-own-key-of-the-shell")

    made = write_missing_keys(load_settings(), file)

    assert made == NAMES[1:]
    assert "ADMIN_KEY" not in file.read_text()


def test_a_file_that_others_could_read_becomes_private_with_the_first_secret(file: Path) -> None:
    file.write_text("GRADEBELL_PORT=8123")
    file.chmod(0o644)

    write_missing_keys(Settings(), file)

    assert file.read_text().startswith("GRADEBELL_PORT=8123\nGRADEBELL_ADMIN_KEY=")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [".env"]


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.env"
    target.write_text("# mine\n")
    file.symlink_to(target)

    write_missing_keys(load_settings(), file)

    assert file.is_symlink()
    assert target.read_text().startswith("# mine\nGRADEBELL_ADMIN_KEY=")


def test_a_folder_that_cannot_be_written_is_said_in_the_words_of_the_settings(
    tmp_path: Path,
) -> None:
    nowhere = tmp_path / "not a folder"
    nowhere.write_text("")

    with pytest.raises(SettingsInvalid, match="GRADEBELL_ADMIN_KEY is not set, and "):
        write_missing_keys(Settings(), nowhere / ".env")
