"""Bringing a database to the present schema."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.store.databases import create_engine, file_of
from alerts.store.engine import storage_errors
from alerts.store.tables.access import keyring
from alerts.telemetry import Step, emit

# Two processes that start at once migrate one after the other (PostgreSQL advisory lock).
_MIGRATION_LOCK: Final = 4_721_130_965
# Read and written by its owner, and by nobody else.
PRIVATE: Final = 0o600


def migration_config() -> Config:
    """Alembic's configuration, wherever the package is installed."""
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("alerts.store"))) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(database_url: str) -> bool:
    """Migrate to the newest schema; harmless when it is there already.

    False: the database is of a newer release, and was left as it is. A release's schema works with
    the release before it, so an older image may run on it. Raises StorageFailed.
    """
    with storage_errors():
        _make_private(database_url)
        async with _opened(database_url) as plain:
            connection = await plain.execution_options(gradebell_writes=True)
            async with connection.begin():
                return await connection.run_sync(_upgrade)


async def is_behind(database_url: str) -> bool:
    """Whether `upgrade` would have something to do. Raises StorageFailed."""
    with storage_errors():
        async with _opened(database_url) as connection:
            present, known = await connection.run_sync(_revisions)
            return not present >= set(known.get_heads()) and not _unknown(present, known)


async def stored_secret(database_url: str) -> bytes | None:
    """A secret that the database holds encrypted, whichever; None while it holds none.

    For a database of any age, tables or none. Raises StorageFailed.
    """
    query = select(keyring.c.secret).limit(1)
    if (file := file_of(database_url)) is not None and not file.exists():
        return None
    with storage_errors():
        async with _opened(database_url) as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table(keyring.name)):
                return None
            secret: bytes | None = (await connection.execute(query)).scalar_one_or_none()
            return secret


def _make_private(database_url: str) -> None:
    """A new file is its owner's alone; SQLite gives those beside it the same rights."""
    file = file_of(database_url)
    if file is not None and not file.exists():
        try:
            file.touch(PRIVATE, exist_ok=True)
        except OSError as error:
            raise OSError(f"{error.strerror or error} ({file})") from None


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_engine(database_url, is_patient=True)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = migration_config()
    if unknown := _unknown(*_revisions(connection)):
        emit(Step.SCHEMA_NEWER, revision=", ".join(sorted(unknown)))
        return False
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _revisions(connection: Connection) -> tuple[set[str], ScriptDirectory]:
    """Those that the database stands on, and all that this release has."""
    present = set(MigrationContext.configure(connection).get_current_heads())
    return present, ScriptDirectory.from_config(migration_config())


def _unknown(present: set[str], known: ScriptDirectory) -> set[str]:
    """Of a newer release."""
    return present - {script.revision for script in known.walk_revisions()}


def upgrade_now(database_url: str) -> None:
    """`upgrade` for callers without an event loop."""
    asyncio.run(upgrade(database_url))
