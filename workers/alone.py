"""One `gradebell up` at a time on one database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alerts.errors import Conflict, SettingsInvalid
from alerts.store.databases import file_of

# For a database that is no file, two in one folder are kept apart all the same.
ELSEWHERE: Final = Path("gradebell.db")


@contextmanager
def alone(database_url: str) -> Iterator[None]:
    """Within, no other `up` runs on this database; one that was killed keeps nobody out.

    The lock lies beside the database's file, not on it: SQLite has its own on that one.
    Raises Conflict when another one runs, SettingsInvalid where no file can be written.
    """
    database = file_of(database_url) or ELSEWHERE
    path = database.with_name(f"{database.name}.lock")
    try:
        file = path.open("w")
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror or error}"
        raise SettingsInvalid(problem) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = (
                f"another `gradebell up` is running on {database.resolve()}; "
                "end that one, or start this one in another folder"
            )
            raise Conflict(problem) from None
        yield
