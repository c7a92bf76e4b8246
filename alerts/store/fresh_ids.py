"""Ids that the database makes itself, for rows that are never seen outside it."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Text, cast, func, literal, literal_column

from alerts.domain.ids import make_id
from alerts.store.engine import Transaction

# Characters of an id that tell it apart from others of its millisecond.
_DISTINCT: Final = 16


def fresh_id(
    tx: Transaction, prefix: str, now: datetime, *, sequence: ColumnElement[int], table: str
) -> ColumnElement[str]:
    """An id of now as `make_id` makes them, for each row of a SELECT.

    They ascend as the rows come, so that an index of them grows at its end: a number begins what
    tells them apart, and chance ends it. sequence, table: a number and a table of which each row
    has another pair; best in this order.
    """
    begins = make_id(prefix, now, bytes(10))[:-_DISTINCT]
    if tx.is_postgresql:
        number = func.to_hex(func.row_number().over().op("&")(0xFFFFFF))
        chance = func.right(cast(func.gen_random_uuid(), Text), 10)
        return literal(begins).concat(func.lpad(number, 6, "0")).concat(chance)
    # Here numbering the rows by a window would cost half as much as writing them.
    return func.printf(
        f"{begins}%04x%06x%06x",
        sequence.op("&")(0xFFFF),
        literal_column(f"{table}.rowid").op("&")(0xFFFFFF),
        func.random().op("&")(0xFFFFFF),
    )
