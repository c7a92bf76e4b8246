"""The database: how a transaction is opened, on SQLite and on PostgreSQL alike."""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import asyncpg
from sqlalchemy import (
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from alerts.domain.ids import make_id
from alerts.errors import StorageFailed
from alerts.ports import Clock
from alerts.store.cipher import Cipher
from alerts.store.databases import WRITES, create_engine
from alerts.store.tables import EPOCH
from alerts.store.writers import Writers

# Begins a statement of many rows on SQLite. Were it refused half-way, we would roll back all of the
# transaction; so nothing need be kept, page by page in a temporary file, to undo it alone.
OR_FAIL: Final = "OR FAIL"
# The class of errors about values: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DATA_EXCEPTION: Final = "22"
# ... and about what is outside of the statement: connection, resources, operator, system.
_OUTSIDE: Final = ("08", "53", "57", "58")
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
        self._queues: WeakValueDictionary[str | None, Writers] = WeakValueDictionary()

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
    async def write(
        self, *, waits_for_disk: bool = True, queue: str | None = None
    ) -> AsyncIterator[Transaction]:
        """A transaction that writes, committed at the end of the block.

        waits_for_disk: False where it does no harm that the machine loses power and the last of
        these with it; a process that is killed loses nothing either way. On SQLite alone: what
        PostgreSQL has not on its disk is lost when it crashes, while workers go on with it.
        queue: a name for the lock that this takes first and keeps; those of one name wait for each
        other here instead of in the database, and share its commits. On SQLite that is everybody.
        """
        with storage_errors():
            if self.has_one_writer or queue is not None:
                writers = self._writers(None if self.has_one_writer else queue)
                beginning = writers.turn(waits_for_disk=waits_for_disk)
            else:
                beginning = self._begin(waits_for_disk=waits_for_disk)
            async with beginning as connection:
                yield Transaction(connection, self._clock)

    def _writers(self, queue: str | None) -> Writers:
        """Those of a queue; they are kept for as long as anybody is in it."""
        writers = self._queues.get(queue)
        if writers is None:
            writers = self._queues[queue] = Writers(self._begin)
        return writers

    @asynccontextmanager
    async def _begin(self, *, waits_for_disk: bool) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            if self.has_one_writer:
                # Begun IMMEDIATE: it waits for other processes instead of failing half-way.
                synchronous = "FULL" if waits_for_disk else "NORMAL"
                await connection.execution_options(**{WRITES: synchronous})
            async with connection.begin():
                yield connection


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
    return insert_on(table, is_postgresql=tx.is_postgresql)


def insert_on(table: Table, *, is_postgresql: bool) -> PostgresqlInsert | SqliteInsert:
    """The same for a statement that is made once for each database."""
    return postgresql_insert(table) if is_postgresql else sqlite_insert(table)


@asynccontextmanager
async def open_store(database_url: str, *, clock: Clock, cipher: Cipher) -> AsyncIterator[Store]:
    """A store on a migrated database, closed at the end of the block."""
    engine = create_engine(database_url)
    try:
        yield Store(engine, clock=clock, cipher=cipher)
    finally:
        await engine.dispose()
