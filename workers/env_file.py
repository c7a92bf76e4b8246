"""The `.env` file: secrets that a first start needs are made and kept there."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from alerts.errors import SettingsInvalid
from alerts.settings import PREFIX, Settings
from alerts.store.cipher import new_encryption_key

PRIVATE: Final = 0o600
ADMIN_KEY_BYTES: Final = 32


def write_missing_keys(settings: Settings, path: Path) -> tuple[str, ...]:
    """Put what `settings` lack into the file; the names written.

    The file's other lines stay as they are; it becomes readable by its owner alone.
    Raises SettingsInvalid when it cannot be written.
    """
    made: dict[str, str] = {}
    if not settings.admin_key.get_secret_value():
        made[f"{PREFIX}ADMIN_KEY"] = secrets.token_urlsafe(ADMIN_KEY_BYTES)
    if not settings.keys:
        made[f"{PREFIX}ENCRYPTION_KEYS"] = new_encryption_key()
    if made:
        try:
            _write(path.resolve(), made)
        except OSError as error:
            problem = f"{next(iter(made))} is not set, and {path} cannot be written: {error}"
            raise SettingsInvalid(problem) from None
    return tuple(made)


def _write(path: Path, made: Mapping[str, str]) -> None:
    """Whole or not at all: a half-written key would lock the database's secrets away."""
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in old if line.partition("=")[0].strip() not in made]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in made.items())]) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
