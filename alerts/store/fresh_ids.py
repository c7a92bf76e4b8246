"""Ids that the database draws itself, for rows that are never seen outside it."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal

from alerts.domain.ids import ALPHABET, make_id
from alerts.store.engine import Transaction

# Places of an id that are chance; those before them are the time.
_DRAWN: Final = range(16)


def chance(tx: Transaction) -> ColumnElement[Any]:
    """What tells a row's id apart, to be selected once a row and handed to `fresh_id`.

    On PostgreSQL sixteen bytes; SQLite draws each character by itself.
    """
    return func.uuid_send(func.gen_random_uuid()) if tx.is_postgresql else literal(0)


def fresh_id(
    tx: Transaction, prefix: str, now: datetime, *, chance: ColumnElement[Any]
) -> ColumnElement[str]:
    """An id of now as `make_id` makes them: 80 bits tell it apart, 79 on PostgreSQL."""
    whole: ColumnElement[str] = literal(make_id(prefix, now, bytes(10))[: -len(_DRAWN)])
    for place in _DRAWN:
        drawn = func.get_byte(chance, place) if tx.is_postgresql else func.random()
        whole = whole.concat(func.substr(literal(ALPHABET), drawn.op("&")(31) + 1, 1))
    return whole
