"""Ids that the database makes itself, for rows that are never seen outside it."""

from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, Text, cast, func, literal_column

from alerts.domain.ids import make_id
from alerts.store.engine import Transaction

# Characters of an id that tell it apart from others of its millisecond.
_DISTINCT: Final = 16


def fresh_ids(tx: Transaction, prefix: str, now: datetime) -> str:
    """What the ids of one statement have in common, for `fresh_id`."""
    begins = make_id(prefix, now, bytes(10))[:-_DISTINCT]
    return begins if tx.is_postgresql else f"{begins}%04x%06x%06x"


def fresh_id(
    ids: BindParameter[str], *, sequence: ColumnElement[int], table: str, is_postgresql: bool
) -> ColumnElement[str]:
    """An id of now as `make_id` makes them, for each row of a SELECT.

    They ascend as the rows come, so that an index of them grows at its end: a number begins what
    tells them apart, and chance ends it. ids: the place for `fresh_ids`. sequence, table: a number
    and a table of which each row has another pair; best in this order.
    """
    if is_postgresql:
        number = func.to_hex(func.row_number().over().op("&")(0xFFFFFF))
        chance = func.right(cast(func.gen_random_uuid(), Text), 10)
        return cast(ids, Text).concat(func.lpad(number, 6, "0")).concat(chance)
    # Here numbering the rows by a window would cost half as much as writing them.
    return func.printf(
        ids,
        sequence.op("&")(0xFFFF),
        literal_column(f"{table}.rowid").op("&")(0xFFFFFF),
        func.random().op("&")(0xFFFFFF),
    )
