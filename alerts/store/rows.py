"""From rows to records."""

from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

Record = TypeVar("Record")


def record_of(row: Row[Any], kind: type[Record], **given: object) -> Record:
    """A row as a dataclass of the same names, its words as enums. given: not from the row."""
    values = dict(zip(_names(row._fields), row, strict=True))
    return msgspec.convert(values | given, kind)


@lru_cache(maxsize=256)
def _names(fields: tuple[str, ...]) -> tuple[str, ...]:
    """A row's columns as plain text: SQLAlchemy's names are of a class that msgspec refuses."""
    return tuple(str(field) for field in fields)
