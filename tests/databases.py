"""Databases for tests: migrated once, then copied for each test."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
from sqlalchemy import text

from alerts.store.engine import Store
from tests.servers import Server

T = TypeVar("T")
Upgrade = Callable[[str], Awaitable[object]]

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of the test's own is made in it.
# A test's database is a few megabytes, its write-ahead log included.
MEMORY_NEEDED_BYTES = 256 * 2**20

# A copy has the object numbers of its template, so any change of a table shows.
SCHEMA = """
    SELECT string_agg(concat_ws(' ', oid, relname, relnatts), ',' ORDER BY oid)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
# Whoever a test left behind; one that is told to go may take a moment.
OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
"""


def sqlite_url(path: Path) -> str:
    """The address of the database in this file."""
    return f"sqlite+aiosqlite:///{path}"


def make_sqlite_template(path: Path, upgrade: Upgrade) -> Path:
    """A migrated database that is one file: nothing of it waits in a write-ahead log."""
    wait_for(_run(upgrade, sqlite_url(path)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder for databases that survive no power failure: in memory, where the system has it.

    A commit waits for the disk, which takes longer than all else in most tests.
    """
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED_BYTES:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="gradebell-tests-") as folder:
        yield Path(folder)


def sqlite_path(url: str) -> Path:
    """The file of the database at this address."""
    return Path(url.partition(":///")[2])


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


@dataclass(frozen=True, slots=True)
class Pristine:
    """A migrated database as it came: its schema, and the rows of each table as JSON or None."""

    schema: str
    rows: Mapping[str, str | None]


@dataclass(slots=True)
class Lending:
    """Copies of a template, each lent to one test at a time and tidied before the next.

    Making a copy takes a tenth of a second, tidying one a tenth of that.
    """

    server: Server
    template: str
    _pristine: Pristine | None = None
    _idle: list[str] = field(default_factory=list)

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The address of a database as the template is, for as long as the block lasts."""
        name = self._idle.pop() if self._idle else self._made()
        try:
            yield self.server.url + name
        finally:
            if wait_for(self._tidied(name)):
                self._idle.append(name)
            else:
                execute(self.server, f'DROP DATABASE "{name}" WITH (FORCE)')

    def _made(self) -> str:
        name = f"test_{uuid4().hex}"
        execute(self.server, f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        if self._pristine is None:
            self._pristine = wait_for(self._looked_at(name))
        return name

    async def _looked_at(self, name: str) -> Pristine:
        async with _connected(self.server, name) as connection:
            names = [row[0] for row in await connection.fetch(TABLES)]
            rows = {
                table: await connection.fetchval(f'SELECT json_agg(t) FROM "{table}" t')  # noqa: S608
                for table in names
            }
            return Pristine(await connection.fetchval(SCHEMA), rows)

    async def _tidied(self, name: str) -> bool:
        """Whether it is as it came again; not where a test changed the tables themselves."""
        assert self._pristine is not None
        async with _connected(self.server, name) as connection:
            while await connection.fetch(OTHERS):  # noqa: ASYNC110 - what changes is over there.
                await asyncio.sleep(0.002)
            if await connection.fetchval(SCHEMA) != self._pristine.schema:
                return False
            await connection.execute("SET session_replication_role = replica")  # no foreign keys
            async with connection.transaction():
                for table, rows in self._pristine.rows.items():
                    await connection.execute(f'DELETE FROM "{table}"')  # noqa: S608
                    if rows is not None:
                        await connection.execute(
                            f'INSERT INTO "{table}"'  # noqa: S608
                            f' SELECT * FROM json_populate_recordset(NULL::"{table}", $1)',
                            rows,
                        )
            return True


@contextmanager
def postgresql_database(server: Server, template: str) -> Iterator[str]:
    """The address of a copy of `template`, dropped at the end whoever is still connected."""
    name = f"test_{uuid4().hex}"
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.url + name
    finally:
        execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def turned_postgresql(server: Server, template: str, at: datetime) -> Iterator[str]:
    """A database whose clock stands still, too: what it asks for the time is a function of ours."""
    with postgresql_database(server, template) as url:
        name = url.rpartition("/")[2]
        execute(server, f'ALTER DATABASE "{name}" SET search_path = turned, pg_catalog, public')
        execute(
            server,
            "CREATE SCHEMA turned; CREATE TABLE turned.clock (at timestamptz NOT NULL);"
            "CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            " AS 'SELECT at FROM turned.clock'",
            f"INSERT INTO turned.clock VALUES ('{at.isoformat()}')",  # noqa: S608
            database=name,
        )
        yield url


async def turn_clock(store: Store, at: datetime) -> None:
    """It is then, in such a database; SQLite has the time from us, and there is nothing to turn."""
    if store.has_one_writer:
        return
    async with store.write() as tx:
        await tx.connection.execute(text("UPDATE turned.clock SET at = :at"), {"at": at})


def execute(server: Server, *statements: str, database: str = "postgres") -> None:
    """Run statements by the server's owner, each in a transaction of its own."""
    wait_for(_execute(server, database, statements))


def wait_for(work: Coroutine[object, object, T]) -> T:
    """Run it to its end on a loop of its own, whether or not a loop runs here."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _run(upgrade: Upgrade, url: str) -> None:
    await upgrade(url)


async def _execute(server: Server, database: str, statements: tuple[str, ...]) -> None:
    async with _connected(server, database) as connection:
        for statement in statements:
            await connection.execute(statement)


@asynccontextmanager
async def _connected(server: Server, name: str) -> AsyncIterator[asyncpg.Connection]:
    address = server.url.replace("postgresql+asyncpg:", "postgresql:") + name
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()
