"""SQLite's driver with one trip to its thread for each statement.

aiosqlite makes four: for a cursor, for the statement, for its rows, for the cursor's end. Each trip
costs as much as most of our statements do.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import aiosqlite

# Rows of one trip where aiosqlite's own cursors read in parts; ours read all there are.
_CHUNK: Final = 64


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors have all rows as soon as a statement is executed."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _CHUNK)
        # A process that ends does not wait for it.
        self._thread.daemon = True

    def cursor(self) -> "_Cursor":  # type: ignore[override]
        """A cursor for one statement after the other."""
        return _Cursor(self)

    async def run(self, work: Callable[..., None], *arguments: object) -> None:
        """Do this in the connection's thread. work: takes the connection of the thread first."""
        await self._execute(work, self._conn, *arguments)  # type: ignore[no-untyped-call]


class _Cursor:
    """What SQLAlchemy asks of a cursor. rowcount, lastrowid, description: as of DB-API 2.0."""

    def __init__(self, connection: OneTripConnection) -> None:
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1
        self._connection = connection
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement, and read all of its rows."""
        await self._connection.run(self._execute, operation, parameters)

    async def executemany(self, operation: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Execute a statement for each of these."""
        await self._connection.run(self._execute_many, operation, parameters)

    async def fetchall(self) -> list[Any]:
        """The rows, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is left to close."""

    def _execute(
        self, connection: sqlite3.Connection, operation: str, parameters: Sequence[Any]
    ) -> None:
        self._read(connection.execute(operation, parameters))

    def _execute_many(
        self, connection: sqlite3.Connection, operation: str, parameters: Sequence[Sequence[Any]]
    ) -> None:
        self._read(connection.executemany(operation, parameters))

    def _read(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        if self.description is not None:
            self._rows = cursor.fetchall()
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()


def open_sqlite(database: str, **options: Any) -> OneTripConnection:  # noqa: ANN401 - sqlite3's.
    """A connection to a database file, to be awaited. options: of `sqlite3.connect`."""
    return OneTripConnection(lambda: sqlite3.connect(database, **options))
