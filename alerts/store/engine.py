"""The database: how a transaction is opened, on SQLite and on PostgreSQL alike."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Executable,
    Table,
    event,
    func,
    literal_column,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from alerts.domain.ids import make_id
from alerts.errors import SettingsInvalid, StorageFailed
from alerts.ports import Clock
from alerts.store.cipher import Cipher
from alerts.store.tables import EPOCH

# Another process may hold SQLite's one write lock for this long before we give up.
SQLITE_BUSY_MILLISECONDS: Final = 10_000
# Pages that a connection keeps: what most transactions touch. More of them cost memory on every
# connection and save nothing that can be measured, fewer are read again within a transaction.
SQLITE_CACHE_KIB: Final = 8_000
# Pages of 4 KiB that the write-ahead log has before a commit brings them home. Fewer come home
# again and again; more make that commit long: this many take some tens of milliseconds.
SQLITE_CHECKPOINT_PAGES: Final = 4_000
# Begins a statement of many rows on SQLite. Were it refused half-way, we would roll back all of the
# transaction; so nothing need be kept, page by page in a temporary file, to undo it alone.
OR_FAIL: Final = "OR FAIL"
_WRITES: Final = "gradebell_writes"
# The class of errors about values: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DATA_EXCEPTION: Final = "22"
# ... and about what is outside of the statement: connection, resources, operator, system.
_OUTSIDE: Final = ("08", "53", "57", "58")
# What may stand behind the `?` of a URL. Other options of the drivers are no text.
_OPTIONS: Final = {
    "postgresql+asyncpg": ("ssl", "host", "prepared_statement_cache_size", "target_session_attrs"),
    "sqlite+aiosqlite": ("uri", "mode", "cache", "vfs"),
}
_SSL: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Rows prepared or read in one go: some 10 ms of the event loop.
CHUNK_ROWS: Final = 500
# Clocks that differ by less are taken to be the same.
AGREED: Final = timedelta(seconds=1)
# Ids named in one statement; PostgreSQL takes 32,767 parameters at most.
CHUNK_IDS: Final = 5000


class Transaction:
    """One open transaction, handed to every store function first.

    connection: SQLAlchemy's. is_postgresql: where the two databases must be told apart.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self.connection = connection
        self.is_postgresql = connection.dialect.name == "postgresql"
        self._clock = clock
        self._now: datetime | None = None
        self._ahead = timedelta(0)

    async def now(self) -> datetime:
        """The time that due and lease times are made of: the database's clock on PostgreSQL.

        The same for the whole transaction, read when first asked for.
        """
        if self._now is None:
            if self.is_postgresql:
                clock = func.extract("epoch", func.clock_timestamp()) * literal_column("1000000")
                micros = (await self.connection.execute(select(clock))).scalar_one()
                self._now = EPOCH + timedelta(microseconds=int(micros))
                self._ahead = self._now - self._clock.now()
            else:
                self._now = self._clock.now()
        return self._now

    async def ahead(self) -> timedelta:
        """How far the database's clock is ahead of this process's; zero where they agree.

        What is measured holds the way of an answer, too, so a second is as good as none.
        """
        await self.now()
        return self._ahead if abs(self._ahead) > AGREED else timedelta(0)

    async def new_id(self, prefix: str) -> str:
        """A random id of now."""
        return make_id(prefix, await self.now(), os.urandom(10))


class Store:
    """A database with its clock and cipher; opens transactions, holds nothing else.

    has_one_writer: transactions that write wait for each other, whatever they are about.
    """

    def __init__(self, engine: AsyncEngine, *, clock: Clock, cipher: Cipher) -> None:
        self.engine = engine
        self.cipher = cipher
        self._clock = clock
        self.has_one_writer = engine.dialect.name == "sqlite"
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads; what it sees does not change meanwhile."""
        with storage_errors():
            async with self.engine.connect() as connection:
                if not self.has_one_writer:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield Transaction(connection, self._clock)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction that writes, committed at the end of the block.

        On SQLite one at a time in this process, and begun IMMEDIATE so that it waits for other
        processes instead of failing half-way.
        """
        with storage_errors():
            if not self.has_one_writer:
                async with self.engine.connect() as connection, connection.begin():
                    yield Transaction(connection, self._clock)
                return
            async with self._writer, self.engine.connect() as plain:
                connection = await plain.execution_options(**{_WRITES: True})
                async with connection.begin():
                    yield Transaction(connection, self._clock)


async def execute_many(
    tx: Transaction, statement: Executable, rows: Iterable[Mapping[str, object]]
) -> None:
    """Execute a statement for many rows, a chunk at a time: between them others get their turn.

    rows: best a generator, so that they are made in chunks as well.
    """
    coming = iter(rows)
    while chunk := list(islice(coming, CHUNK_ROWS)):
        await tx.connection.execute(statement, chunk)


# Not all that a driver raises while a connection comes or goes is wrapped on its way to us.
_AS_RAISED: Final = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)
_OUT_OF_REACH: Final = (OSError, OperationalError, InterfaceError, asyncpg.InterfaceError)


@contextmanager
def storage_errors() -> Iterator[None]:
    """What the database or its driver raises within, as StorageFailed on one line."""
    try:
        yield
    except (SQLAlchemyError, *_AS_RAISED, OSError) as error:
        # The statement's parameters may hold what no log should; the driver's own words do not,
        # unless they are about a value that does not fit, which they repeat.
        driver = getattr(error, "orig", error)
        code = str(getattr(driver, "sqlstate", None) or "")
        if code.startswith(_DATA_EXCEPTION):
            raise StorageFailed(f"the database failed: a value does not fit ({code})") from None
        said = str(driver).splitlines()
        problem = said[0] if said else type(driver).__name__
        # SQLite's plain DatabaseError is a file that is damaged, or none of its own.
        is_outside = (
            code.startswith(_OUTSIDE)
            or isinstance(error, _OUT_OF_REACH)
            or type(driver) in {sqlite3.OperationalError, sqlite3.DatabaseError}
        )
        raise StorageFailed(f"the database failed: {problem}", is_outside=is_outside) from error


def in_chunks(ids: Sequence[str], size: int = CHUNK_IDS) -> Iterator[Sequence[str]]:
    """Ids in their order, as many at a time as one statement takes on either database."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def insert_into(tx: Transaction, table: Table) -> PostgresqlInsert | SqliteInsert:
    """An INSERT that can say ON CONFLICT, in the words of the database at hand."""
    return postgresql_insert(table) if tx.is_postgresql else sqlite_insert(table)


@asynccontextmanager
async def open_store(database_url: str, *, clock: Clock, cipher: Cipher) -> AsyncIterator[Store]:
    """A store on a migrated database, closed at the end of the block."""
    engine = create_engine(database_url)
    try:
        yield Store(engine, clock=clock, cipher=cipher)
    finally:
        await engine.dispose()


def file_of(database_url: str) -> Path | None:
    """The file of an SQLite database; None for any other. Raises SettingsInvalid."""
    url = _read_url(database_url)
    is_file = url.drivername.startswith("sqlite") and url.database != ":memory:"
    return Path(url.database) if is_file and url.database else None


def create_engine(database_url: str) -> AsyncEngine:
    """An engine for `sqlite+aiosqlite:` or `postgresql+asyncpg:`. Raises SettingsInvalid."""
    url = _read_url(database_url)
    if url.drivername == "postgresql+asyncpg":
        # Statements here are short; compiling one takes longer than running it.
        return create_async_engine(
            url,
            pool_size=10,
            max_overflow=10,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"server_settings": {"jit": "off"}},
        )
    if url.drivername != "sqlite+aiosqlite":
        problem = (
            "GRADEBELL_DATABASE_URL must start with sqlite+aiosqlite:/// or postgresql+asyncpg://"
        )
        raise SettingsInvalid(problem)
    # The one that came back last goes out first, so that few hold pages of the file.
    engine = create_async_engine(
        url, pool_size=6, max_overflow=4, pool_use_lifo=True, hide_parameters=True
    )
    _prepare_sqlite(engine.sync_engine)
    return engine


def _read_url(database_url: str) -> URL:
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise SettingsInvalid("GRADEBELL_DATABASE_URL is not a database URL") from None
    except ValueError:
        raise SettingsInvalid("GRADEBELL_DATABASE_URL: its port must be a number") from None
    known = _OPTIONS.get(url.drivername, tuple(url.query))
    for name in url.query:
        if name not in known:
            listed = f"it takes {', '.join(known)}" if known else "it takes none"
            meant = "; `ssl` says here what `sslmode` says elsewhere" if name == "sslmode" else ""
            problem = f"GRADEBELL_DATABASE_URL has no option {name!r}: {listed}{meant}"
            raise SettingsInvalid(problem)
    if url.query.get("ssl", "require") not in _SSL:
        raise SettingsInvalid(f"GRADEBELL_DATABASE_URL: ssl must be one of {', '.join(_SSL)}")
    return url


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def on_dial(
        _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        # The driver opens a file in a thread that, where it fails, outlives the loop it answers to
        # and ends with a traceback on the terminal. So one that cannot be opened fails here.
        try:
            with closing(sqlite3.connect(arguments[0], uri=bool(options.get("uri")))) as database:
                database.execute("PRAGMA schema_version")
        except sqlite3.Error as error:
            raise type(error)(f"{error} ({arguments[0]})") from None

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type.
        # The driver's implicit BEGIN is late and deferred; ours below is neither.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA cache_size=-{SQLITE_CACHE_KIB}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={SQLITE_CHECKPOINT_PAGES}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
