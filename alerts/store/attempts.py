"""Attempts: every try at a delivery, written many at a time."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alerts.store.engine import Transaction
from alerts.store.tables import attempts
from alerts.store.tables.base import to_micros

# There is one for every send, so the statement is compiled once, and its rows go to the driver as
# it takes them: through SQLAlchemy each would cost four times as much.
_ON_POSTGRESQL: Final = str(
    postgresql_insert(attempts)
    .on_conflict_do_nothing(index_elements=["id"])
    .compile(dialect=make_url("postgresql+asyncpg://").get_dialect()())
)
_ON_SQLITE: Final = str(
    sqlite_insert(attempts)
    .on_conflict_do_nothing(index_elements=["id"])
    .compile(dialect=make_url("sqlite+aiosqlite://").get_dialect()())
)
_in_order: Final[Callable[[Any], tuple[object, ...]]] = itemgetter(*attempts.c.keys())
_EMPTY: Final[Mapping[str, None]] = dict.fromkeys(attempts.c.keys())
_encoder: Final = msgspec.json.Encoder()


async def insert_attempts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Log tries: whatever else holds, they happened. One that is logged already stays.

    rows: columns by name; one that is not named is null.
    """
    if rows:
        statement = _ON_POSTGRESQL if tx.is_postgresql else _ON_SQLITE
        await tx.connection.exec_driver_sql(statement, [_bound(row) for row in rows])


def _bound(row: Mapping[str, Any]) -> tuple[object, ...]:
    """A row as the driver takes it."""
    return _in_order(
        {
            **_EMPTY,
            **row,
            "scheduled_for": to_micros(row["scheduled_for"]),
            "started_at": to_micros(row["started_at"]),
            "ended_at": to_micros(row["ended_at"]),
            "timings_ms": _encoder.encode(row["timings_ms"]).decode(),
            "secret_ids": _encoder.encode(row["secret_ids"]).decode(),
        }
    )
