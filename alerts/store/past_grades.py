"""The history of grades as it was recorded, for whoever asks what would have been told of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

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


async def lines_of_days(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId], *, since: datetime
) -> dict[TokenId, list[Line]]:
    """The history of these tokens, in no order: of the days since, and what held before them."""
    return await _read(tx, _OF_DAYS, {"kind": kind, "tokens": list(wanted), "since": since})


async def lines_recorded(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId], *, since: datetime
) -> dict[TokenId, list[Line]]:
    """The same, of what was recorded since, whichever days it is of."""
    return await _read(tx, _RECORDED, {"kind": kind, "tokens": list(wanted), "since": since})


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


async def back_since(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId], *, since: datetime
) -> dict[TokenId, datetime]:
    """The `as_of` at which these were last back after a silence, where that was after a time."""
    given = {"kind": kind, "tokens": list(wanted), "since": since}
    return {TokenId(row.token): row.at for row in await tx.connection.execute(_BACK, given)}


# What held before a time, and the lines since.
_Queries = tuple[Select[Any], Select[Any]]


async def _read(
    tx: Transaction, queries: _Queries, given: Mapping[str, object]
) -> dict[TokenId, list[Line]]:
    found: dict[TokenId, list[Line]] = {}
    for query in queries:
        for rows in (await tx.connection.execute(query, given)).partitions(CHUNK_ROWS):
            for row in rows:
                if row.as_of is not None:
                    found.setdefault(row.token, []).append(_line(row))
            await asyncio.sleep(0)
    return found


def _line(row: Row[Any]) -> Line:
    components = tuple((name, number) for name, number in row.components)
    return Line(row.as_of, row.revision, row.score, components, row.cycle_id, row.recorded_at)


_COLUMNS: Final = (
    grades.c.as_of,
    grades.c.revision,
    grades.c.score,
    grades.c.components,
    grades.c.cycle_id,
    grades.c.recorded_at,
)


def _queries(time: ColumnElement[datetime]) -> _Queries:
    """By one of the times of a line. For each column a look into the key: a join may read all."""
    since = bindparam("since", type_=grades.c.as_of.type)
    last_before = (
        select(grades.c.as_of)
        .where(grades.c.token == tokens.c.id, grades.c.kind == bindparam("kind"), time <= since)
        .order_by(grades.c.as_of.desc(), grades.c.revision.desc())
        .limit(1)
        .correlate(tokens)
    )
    held = select(
        tokens.c.id.label("token"),
        *(
            last_before.with_only_columns(column).scalar_subquery().label(column.name)
            for column in _COLUMNS
        ),
    ).where(among(tokens.c.id, ids_called("tokens")))
    lines = select(grades.c.token, *_COLUMNS).where(
        grades.c.kind == bindparam("kind"),
        among(grades.c.token, ids_called("tokens")),
        time > since,
    )
    return held, lines


_OF_DAYS: Final = _queries(grades.c.as_of)
_RECORDED: Final = _queries(grades.c.recorded_at)
_BACK: Final = (
    select(events.c.token, func.max(events.c.at).label("at"))
    .where(
        among(events.c.token, ids_called("tokens")),
        events.c.kind == bindparam("kind"),
        events.c.type == EventType.REINSTATED,
        events.c.at > bindparam("since", type_=events.c.at.type),
    )
    .group_by(events.c.token)
)
_SILENCES: Final = select(
    events.c.token, events.c.kind, events.c.type, events.c.at, events.c.recorded_at
).where(
    among(events.c.token, ids_called("tokens")),
    events.c.type.in_((EventType.WITHDRAWN, EventType.REINSTATED)),
)
