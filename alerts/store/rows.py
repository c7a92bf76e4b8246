"""From rows to records."""

from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

Record = TypeVar("Record")


def record_of(row: Row[Any], kind: type[Record], **given: object) -> Record:
    """A row as a dataclass of the same names, its words as enums. given: not from the row."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]  # every record is a dataclass
    values = {name: getattr(row, name) for name in names if name not in given}
    return msgspec.convert(values | given, kind)
