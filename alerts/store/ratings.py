"""Tokens, the ratings held, and the history of grades."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Insert, Row, Select, Text, bindparam, cast, func, select, tuple_

from alerts.domain.grades import Cycle, Kind, SourceName, TokenId
from alerts.domain.ratings import Components, Rating, Run, Swings
from alerts.store.among import among, ids_called
from alerts.store.engine import CHUNK_ROWS, Transaction, insert_on
from alerts.store.many import insert_many
from alerts.store.tables import grades, ratings, tokens

# Up to this many tokens are asked for by name; beyond it all of a source and kind are read.
NAMED_TOKENS: Final = 500


# What a token's grade came to: score in hundredths, label, components.
Value = tuple[int, str | None, Components]


@dataclass(frozen=True, slots=True)
class Observation:
    """One line of a token's history. score: hundredths of a point."""

    as_of: datetime
    revision: int
    score: int
    label: str | None
    components: Components
    cycle_id: str
    recorded_at: datetime

    @property
    def value(self) -> Value:
        """What it said."""
        return self.score, self.label, self.components


async def load_ratings(
    tx: Transaction, source: SourceName, kind: Kind, *, wanted: Sequence[TokenId] | None
) -> dict[TokenId, Rating]:
    """Ratings held of a source and kind. wanted: of these tokens only; None is all."""
    given: dict[str, object] = {"source": source, "kind": kind}
    query = _HELD
    if wanted is not None and len(wanted) <= NAMED_TOKENS:
        query, given = _HELD_NAMED, given | {"tokens": wanted}
    held: dict[TokenId, Rating] = {}
    for rows in (await tx.connection.execute(query, given)).partitions(CHUNK_ROWS):
        held |= {rating.token: rating for rating in map(_rating, rows)}
        await asyncio.sleep(0)
    return held


async def ratings_of(
    tx: Transaction, wanted: Collection[TokenId]
) -> dict[TokenId, dict[Kind, Rating]]:
    """The ratings held of these tokens, by kind; of one without any nothing."""
    query = select(ratings.c.kind, *_COLUMNS).where(among(ratings.c.token, ids_called("tokens")))
    held: dict[TokenId, dict[Kind, Rating]] = {}
    for kind, *columns in await tx.connection.execute(query, {"tokens": wanted}):
        rating = _rating(columns)
        held.setdefault(rating.token, {})[Kind(kind)] = rating
    return held


async def other_scores(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId]
) -> dict[TokenId, int]:
    """The scores (hundredths) held of these tokens, of the kind that is not this one.

    Of one that is not graded, or no longer, nothing.
    """
    rows = await tx.connection.execute(_OTHERS, {"kind": kind, "tokens": wanted})
    return {TokenId(row.token): row.score for row in rows}


async def highest_rated(tx: Transaction, kind: Kind, *, limit: int) -> list[TokenId]:
    """The tokens with the highest scores of a kind, the highest first."""
    query = select(ratings.c.token).where(ratings.c.kind == kind, ~ratings.c.withdrawn)
    query = query.order_by(ratings.c.score.desc(), ratings.c.token).limit(limit)
    return list((await tx.connection.execute(query)).scalars())


async def save_ratings(
    tx: Transaction, held: Iterable[Rating], *, source: SourceName, kind: Kind
) -> None:
    """Hold these ratings from now on."""
    rows = (rating._asdict() | {"kind": kind, "source": source} for rating in held)
    await insert_many(tx, _save(is_postgresql=tx.is_postgresql), rows)


async def insert_history(
    tx: Transaction,
    rows: Iterable[tuple[TokenId, int, Value]],
    *,
    cycle_id: str,
    kind: Kind,
    as_of: datetime,
) -> None:
    """Add (token, revision, value) to the history; a line that is there already stays."""
    now = await tx.now()
    values = (
        {
            "token": token,
            "kind": kind,
            "as_of": as_of,
            "revision": revision,
            "score": score,
            "label": label,
            "components": components,
            "cycle_id": cycle_id,
            "recorded_at": now,
        }
        for token, revision, (score, label, components) in rows
    )
    await insert_many(tx, _add(is_postgresql=tx.is_postgresql), values)


async def history_at(
    tx: Transaction, cycle: Cycle, wanted: Sequence[TokenId]
) -> dict[TokenId, Observation]:
    """What was known of these tokens at the cycle's `as_of`: the last line at or before it."""
    rank = func.row_number().over(
        partition_by=grades.c.token, order_by=(grades.c.as_of.desc(), grades.c.revision.desc())
    )
    lines = select(grades, rank.label("place")).where(
        grades.c.kind == cycle.kind, grades.c.as_of <= cycle.as_of
    )
    if len(wanted) <= NAMED_TOKENS:
        lines = lines.where(grades.c.token.in_(wanted))
    else:
        known = select(tokens.c.id).where(tokens.c.source == cycle.source)
        lines = lines.where(grades.c.token.in_(known))
    newest = lines.subquery()
    found = await tx.connection.execute(select(newest).where(newest.c.place == 1))
    history: dict[TokenId, Observation] = {}
    for rows in found.partitions(CHUNK_ROWS):
        history |= {row.token: _observation(row) for row in rows}
        await asyncio.sleep(0)
    return history


async def list_history(
    tx: Transaction,
    token: TokenId,
    kind: Kind | None,
    *,
    before: tuple[datetime, int, Kind] | None,
    limit: int,
) -> list[tuple[Kind, Observation]]:
    """A token's history, newest first. before: (as_of, revision, kind) of the last line seen."""
    query = _history(token, kind).add_columns(grades.c.kind)
    query = query.order_by(grades.c.as_of.desc(), grades.c.revision.desc(), grades.c.kind.desc())
    if before is not None:
        query = query.where(tuple_(grades.c.as_of, grades.c.revision, grades.c.kind) < before)
    rows = await tx.connection.execute(query.limit(limit))
    return [(Kind(row.kind), _observation(row)) for row in rows]


# JSON comes as it is stored: the driver would read it, and what it is made of would be made anew.
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "components": msgspec.json.Decoder(Components).decode,
    "pending": msgspec.json.Decoder(Run).decode,
    "swings": msgspec.json.Decoder(Swings).decode,
}
_COLUMNS: Final = tuple(
    cast(ratings.c[name], Text).label(name) if name in _READ else ratings.c[name]
    for name in Rating._fields
)
_READ_AT: Final = [(Rating._fields.index(name), read) for name, read in _READ.items()]
_HELD: Final = select(*_COLUMNS).where(
    ratings.c.source == bindparam("source"), ratings.c.kind == bindparam("kind")
)
_OTHERS: Final = select(ratings.c.token, ratings.c.score).where(
    ratings.c.kind != bindparam("kind"),
    ~ratings.c.withdrawn,
    among(ratings.c.token, ids_called("tokens")),
)
_HELD_NAMED: Final = _HELD.where(among(ratings.c.token, ids_called("tokens")))


@cache
def _save(*, is_postgresql: bool) -> Insert:
    statement = insert_on(ratings, is_postgresql=is_postgresql)
    changed = {
        column.name: statement.excluded[column.name]
        for column in ratings.columns
        if column.name not in {"token", "kind", "source"}
    }
    return statement.on_conflict_do_update(index_elements=["token", "kind"], set_=changed)


@cache
def _add(*, is_postgresql: bool) -> Insert:
    return insert_on(grades, is_postgresql=is_postgresql).on_conflict_do_nothing()


def _history(token: TokenId, kind: Kind | None) -> Select[tuple[object, ...]]:
    query = select(
        grades.c.as_of,
        grades.c.revision,
        grades.c.score,
        grades.c.label,
        grades.c.components,
        grades.c.cycle_id,
        grades.c.recorded_at,
    ).where(grades.c.token == token)
    return query if kind is None else query.where(grades.c.kind == kind)


def _components(stored: Sequence[tuple[str, int | None]]) -> Components:
    return tuple((name, number) for name, number in stored)


def _observation(row: Row[Any]) -> Observation:
    return Observation(
        row.as_of,
        row.revision,
        row.score,
        row.label,
        _components(row.components),
        row.cycle_id,
        row.recorded_at,
    )


def _rating(row: Iterable[Any]) -> Rating:
    """From a row of _COLUMNS."""
    values = list(row)
    for place, read in _READ_AT:
        if values[place] is not None:
            values[place] = read(values[place])
    return Rating._make(values)
