"""The history of grades as it was recorded, for whoever asks what would have been told of it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, bindparam, select

from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.relived import Line
from alerts.store.among import among, ids_called
from alerts.store.engine import CHUNK_ROWS, Transaction
from alerts.store.tables import events, grades, tokens


class Silence(NamedTuple):
    """A grade that was withdrawn, or back. at: its `as_of`."""

    token: TokenId
    kind: Kind
    is_back: bool
    at: datetime
    recorded_at: datetime


async def token_ids(tx: Transaction) -> list[TokenId]:
    """All tokens there are."""
    found = await tx.connection.execute(select(tokens.c.id).order_by(tokens.c.id))
    return [TokenId(name) for name in found.scalars()]


async def past_lines(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId], *, since: datetime
) -> dict[TokenId, list[Line]]:
    """The history of these tokens, in no order, from the line on that held at a time."""
    given = {"kind": kind, "tokens": list(wanted), "since": since}
    found: dict[TokenId, list[Line]] = {}
    for query in (_HELD_AT, _LINES):
        for rows in (await tx.connection.execute(query, given)).partitions(CHUNK_ROWS):
            for row in rows:
                if row.as_of is not None:
                    found.setdefault(row.token, []).append(_line(row))
            await asyncio.sleep(0)
    return found


async def silences(tx: Transaction, wanted: Sequence[TokenId]) -> list[Silence]:
    """When grades of these tokens were withdrawn, or back, as far as that is kept."""
    rows = await tx.connection.execute(_SILENCES, {"tokens": list(wanted)})
    return [
        Silence(
            TokenId(row.token),
            Kind(row.kind),
            row.type == EventType.REINSTATED,
            row.at,
            row.recorded_at,
        )
        for row in rows
    ]


def _line(row: Row[Any]) -> Line:
    components = tuple((name, number) for name, number in row.components)
    return Line(row.as_of, row.revision, row.score, components, row.cycle_id, row.recorded_at)


_SINCE: Final = bindparam("since", type_=grades.c.as_of.type)
_COLUMNS: Final = (
    grades.c.as_of,
    grades.c.revision,
    grades.c.score,
    grades.c.components,
    grades.c.cycle_id,
    grades.c.recorded_at,
)
_LINES: Final = select(grades.c.token, *_COLUMNS).where(
    grades.c.kind == bindparam("kind"),
    among(grades.c.token, ids_called("tokens")),
    grades.c.as_of > _SINCE,
)
_LAST_BEFORE: Final[Select[tuple[object]]] = (
    select(grades.c.as_of)
    .where(
        grades.c.token == tokens.c.id,
        grades.c.kind == bindparam("kind"),
        grades.c.as_of <= _SINCE,
    )
    .order_by(grades.c.as_of.desc(), grades.c.revision.desc())
    .limit(1)
    .correlate(tokens)
)
# One look into the key for each column, for in a join PostgreSQL may read all lines.
_HELD_AT: Final = select(
    tokens.c.id.label("token"),
    *(
        _LAST_BEFORE.with_only_columns(column).scalar_subquery().label(column.name)
        for column in _COLUMNS
    ),
).where(among(tokens.c.id, ids_called("tokens")))
_SILENCES: Final = select(
    events.c.token, events.c.kind, events.c.type, events.c.at, events.c.recorded_at
).where(
    among(events.c.token, ids_called("tokens")),
    events.c.type.in_((EventType.WITHDRAWN, EventType.REINSTATED)),
)
