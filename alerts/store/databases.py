"""How the two databases are opened: a URL becomes an engine, its connections prepared."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from alerts.errors import SettingsInvalid
from alerts.store.one_trip import open_sqlite

# Another process may hold SQLite's one write lock for this long before we give up.
SQLITE_BUSY_MILLISECONDS: Final = 10_000
# Pages that a connection keeps: what most transactions touch. More of them cost memory on every
# connection and save nothing that can be measured, fewer are read again within a transaction.
SQLITE_CACHE_KIB: Final = 8_000
# Pages of 4 KiB that the write-ahead log has before a commit brings them home. Fewer come home
# again and again; more make that commit long: this many take some tens of milliseconds.
SQLITE_CHECKPOINT_PAGES: Final = 4_000
# Ours take less than a second; a server that says nothing for so long is gone, whatever TCP thinks.
STATEMENT_SECONDS: Final = 60.0
# An option of a connection to SQLite that is to write: how its commit is to be synchronized.
WRITES: Final = "gradebell_writes"
_SYNCHRONOUS: Final = "synchronous"
# What may stand behind the `?` of a URL. Other options of the drivers are no text.
_OPTIONS: Final = {
    "postgresql+asyncpg": ("ssl", "host", "prepared_statement_cache_size", "target_session_attrs"),
    "sqlite+aiosqlite": ("uri", "mode", "cache", "vfs"),
}
_SSL: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def file_of(database_url: str) -> Path | None:
    """The file of an SQLite database; None for any other. Raises SettingsInvalid."""
    url = _read_url(database_url)
    is_file = url.drivername.startswith("sqlite") and url.database != ":memory:"
    return Path(url.database) if is_file and url.database else None


def create_engine(database_url: str, *, is_patient: bool = False) -> AsyncEngine:
    """An engine for `sqlite+aiosqlite:` or `postgresql+asyncpg:`. Raises SettingsInvalid.

    is_patient: a statement may take as long as it does, as those of a migration may.
    """
    url = _read_url(database_url)
    if url.drivername == "postgresql+asyncpg":
        # Statements here are short; compiling one takes longer than running it.
        engine = create_async_engine(
            url,
            pool_size=10,
            max_overflow=10,
            # A connection that has planned a statement does not plan it again.
            pool_use_lifo=True,
            hide_parameters=True,
            json_serializer=_to_json,
            json_deserializer=msgspec.json.decode,
            connect_args={
                "server_settings": {"jit": "off"},
                "command_timeout": None if is_patient else STATEMENT_SECONDS,
            },
        )
        event.listen(engine.sync_engine, "checkout", _refuse_the_closed)
        return engine
    if url.drivername != "sqlite+aiosqlite":
        problem = (
            "GRADEBELL_DATABASE_URL must start with sqlite+aiosqlite:/// or postgresql+asyncpg://"
        )
        raise SettingsInvalid(problem)
    # The one that came back last goes out first, so that few hold pages of the file.
    engine = create_async_engine(
        url,
        pool_size=6,
        max_overflow=4,
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=msgspec.json.decode,
    )
    _prepare_sqlite(engine.sync_engine)
    return engine


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


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


def _refuse_the_closed(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's own type.
    # The driver hears of it when the server goes; asking first costs each transaction three trips.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


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
        options["async_creator_fn"] = open_sqlite

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own type.
        # The driver's implicit BEGIN is late and deferred; ours below is neither.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={record.info.setdefault(_SYNCHRONOUS, 'FULL')}")
        cursor.execute(f"PRAGMA cache_size=-{SQLITE_CACHE_KIB}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={SQLITE_CHECKPOINT_PAGES}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        synchronous = connection.get_execution_options().get(WRITES)
        if synchronous is None:
            connection.exec_driver_sql("BEGIN")
            return
        if connection.info[_SYNCHRONOUS] != synchronous:
            connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
            connection.info[_SYNCHRONOUS] = synchronous
        connection.exec_driver_sql("BEGIN IMMEDIATE")
