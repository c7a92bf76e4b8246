"""Many rows by one INSERT, without what SQLAlchemy does anew for each of them.

It looks every value of every row up by its name, twice, which takes longer than writing most rows.
Here a statement's text, and how its values become the driver's, are worked out once.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Insert
from sqlalchemy.sql.compiler import SQLCompiler

from alerts.store.engine import CHUNK_ROWS, Transaction

Row = Mapping[str, object]


async def insert_many(tx: Transaction, statement: Insert, rows: Iterable[Row]) -> None:
    """Execute an INSERT for many rows, a chunk at a time: between them others get their turn.

    statement: made once and for all, for it is known by its identity, and without values of its
    own. rows: all of the same columns; best a generator, so that they are made in chunks as well.
    """
    coming = iter(rows)
    while chunk := list(islice(coming, CHUNK_ROWS)):
        text, bound = _compiled(statement, tx.connection.dialect, tuple(chunk[0]))
        await tx.connection.exec_driver_sql(text, [bound(row) for row in chunk])


@lru_cache(maxsize=64)
def _compiled(
    statement: Insert, dialect: Dialect, columns: tuple[str, ...]
) -> tuple[str, Callable[[Row], tuple[object, ...]]]:
    """The text, and what makes a row what the driver takes."""
    compiled = statement.compile(dialect=dialect, column_keys=columns, for_executemany=True)
    if not isinstance(compiled, SQLCompiler) or compiled.positiontup is None:
        raise TypeError(f"{dialect.name} does not take values by their places")
    in_order: Callable[[Row], tuple[Any, ...]] = itemgetter(*compiled.positiontup)
    kinds = [compiled.binds[name].type for name in compiled.positiontup]
    found = (kind.dialect_impl(dialect).bind_processor(dialect) for kind in kinds)
    processes = [(place, process) for place, process in enumerate(found) if process is not None]

    def bound(row: Row) -> tuple[object, ...]:
        values = list(in_order(row))
        for place, process in processes:
            values[place] = process(values[place])
        return tuple(values)

    return str(compiled), bound
