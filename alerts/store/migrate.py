"""Bringing a database to the present schema."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from alerts.store.engine import create_engine

# Two processes that start at once migrate one after the other (PostgreSQL advisory lock).
_MIGRATION_LOCK: Final = 4_721_130_965


def migration_config() -> Config:
    """Alembic's configuration, wherever the package is installed."""
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("alerts.store"))) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(database_url: str) -> None:
    """Migrate to the newest schema; harmless when it is there already."""
    engine = create_engine(database_url)
    try:
        async with engine.connect() as plain:
            connection = await plain.execution_options(gradebell_writes=True)
            async with connection.begin():
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_now(database_url: str) -> None:
    """`upgrade` for callers without an event loop."""
    asyncio.run(upgrade(database_url))
