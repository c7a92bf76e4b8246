"""Databases for tests: migrated once, then copied for each test."""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from tests.servers import Server

Upgrade = Callable[[str], Awaitable[None]]


def sqlite_url(path: Path) -> str:
    """The address of the database in this file."""
    return f"sqlite+aiosqlite:///{path}"


def make_sqlite_template(path: Path, upgrade: Upgrade) -> Path:
    """A migrated database that is one file: nothing of it waits in a write-ahead log."""
    wait_for(_run(upgrade, sqlite_url(path)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def copy_sqlite(template: Path, path: Path) -> str:
    """A database of a test's own; returns its address."""
    shutil.copyfile(template, path)
    return sqlite_url(path)


def make_postgresql_template(server: Server, upgrade: Upgrade) -> str:
    """The name of a migrated database, closed to all, for only then can it be copied."""
    name = "gradebell_template"
    execute(server, f'CREATE DATABASE "{name}"')
    wait_for(_run(upgrade, server.url + name))
    execute(
        server,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608
    )
    return name


@contextmanager
def postgresql_database(server: Server, template: str) -> Iterator[str]:
    """The address of a copy of `template`, dropped at the end whoever is still connected."""
    name = f"test_{uuid4().hex}"
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.url + name
    finally:
        execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(server: Server, *statements: str) -> None:
    """Run statements by the server's owner, each in a transaction of its own."""
    wait_for(_execute(server, statements))


def wait_for(work: Coroutine[object, object, None]) -> None:
    """Run it to its end on a loop of its own, whether or not a loop runs here."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()


async def _run(upgrade: Upgrade, url: str) -> None:
    await upgrade(url)


async def _execute(server: Server, statements: tuple[str, ...]) -> None:
    address = server.url.replace("postgresql+asyncpg:", "postgresql:") + "postgres"
    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
