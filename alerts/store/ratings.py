"""Tokens, the ratings held, and the history of grades."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, func, or_, select, tuple_

from alerts.domain.grades import Cycle, Grade, Kind, SourceName, TokenId
from alerts.domain.ratings import Rating
from alerts.store.engine import Transaction, insert_into
from alerts.store.rows import record_of
from alerts.store.tables import grades, ratings, tokens

# Up to this many tokens are asked for by name; beyond it all of a source and kind are read.
NAMED_TOKENS: Final = 500

Components = tuple[tuple[str, int | None], ...]
# What a token's grade came to: score in hundredths, label, components.
Value = tuple[int, str | None, Components]


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as last seen."""

    id: TokenId
    source: SourceName
    symbol: str
    name: str
    first_seen_at: datetime


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
    query = select(ratings).where(ratings.c.source == source, ratings.c.kind == kind)
    if wanted is not None and len(wanted) <= NAMED_TOKENS:
        query = query.where(ratings.c.token.in_(wanted))
    return {row.token: _rating(row) for row in await tx.connection.execute(query)}


async def load_token_ratings(tx: Transaction, token: TokenId) -> dict[Kind, Rating]:
    """The ratings held of one token."""
    query = select(ratings).where(ratings.c.token == token)
    return {Kind(row.kind): _rating(row) for row in await tx.connection.execute(query)}


async def save_ratings(
    tx: Transaction, held: Iterable[Rating], *, source: SourceName, kind: Kind
) -> None:
    """Hold these ratings from now on."""
    rows = [
        {
            "token": rating.token,
            "kind": kind,
            "source": source,
            "rank": rating.rank,
            "since": rating.since,
            "score": rating.score,
            "as_of": rating.as_of,
            "anchor": rating.anchor,
            "label": rating.label,
            "components": rating.components,
            "revision": rating.revision,
            "event_id": rating.event_id,
            "absent_cycles": rating.absent_cycles,
            "absent_since": rating.absent_since,
            "absent_as_of": rating.absent_as_of,
            "withdrawn": rating.withdrawn,
        }
        for rating in held
    ]
    if not rows:
        return
    statement = insert_into(tx, ratings)
    changed = {
        column.name: statement.excluded[column.name]
        for column in ratings.columns
        if column.name not in {"token", "kind", "source"}
    }
    statement = statement.on_conflict_do_update(index_elements=["token", "kind"], set_=changed)
    await tx.connection.execute(statement, rows)


async def save_tokens(tx: Transaction, source: SourceName, seen: Iterable[Grade]) -> None:
    """Know these tokens by the symbol and name they bear now.

    Rows are written in order of id, so that two cycles of one source never wait in a ring.
    """
    now = await tx.now()
    rows = [
        {
            "id": grade.token,
            "source": source,
            "symbol": grade.symbol,
            "symbol_folded": fold(grade.symbol),
            "name": grade.name,
            "first_seen_at": now,
        }
        for grade in sorted(seen, key=lambda grade: grade.token)
    ]
    if not rows:
        return
    statement = insert_into(tx, tokens)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={"symbol": new.symbol, "symbol_folded": new.symbol_folded, "name": new.name},
        where=or_(tokens.c.symbol != new.symbol, tokens.c.name != new.name),
    )
    await tx.connection.execute(statement, rows)


async def load_labels(
    tx: Transaction, source: SourceName, *, wanted: Sequence[TokenId] | None
) -> dict[TokenId, tuple[str, str]]:
    """(symbol, name) by token, as last seen. wanted: of these only; None is all of a source."""
    query = select(tokens.c.id, tokens.c.symbol, tokens.c.name).where(tokens.c.source == source)
    if wanted is not None and len(wanted) <= NAMED_TOKENS:
        query = query.where(tokens.c.id.in_(wanted))
    return {row.id: (row.symbol, row.name) for row in await tx.connection.execute(query)}


async def find_token(tx: Transaction, token: str) -> TokenRecord | None:
    """A token by its identity."""
    row = (await tx.connection.execute(_tokens().where(tokens.c.id == token))).one_or_none()
    return None if row is None else record_of(row, TokenRecord)


async def tokens_by_symbol(tx: Transaction, symbol: str) -> list[TokenRecord]:
    """All tokens that bear a symbol, whatever its case, at most 50."""
    query = _tokens().where(tokens.c.symbol_folded == fold(symbol)).order_by(tokens.c.id).limit(50)
    return [record_of(row, TokenRecord) for row in await tx.connection.execute(query)]


async def all_symbols(tx: Transaction) -> list[str]:
    """Every symbol once, for finding the nearest to one nobody bears."""
    return list((await tx.connection.execute(select(tokens.c.symbol).distinct())).scalars())


async def list_tokens(
    tx: Transaction, *, text: str | None, after: str | None, limit: int
) -> list[TokenRecord]:
    """Tokens in order of identity. text: part of symbol, name or identity, any case."""
    query = _tokens().order_by(tokens.c.id).limit(limit)
    if after is not None:
        query = query.where(tokens.c.id > after)
    if text:
        query = query.where(
            or_(
                tokens.c.symbol_folded.contains(fold(text), autoescape=True),
                func.lower(tokens.c.name).contains(text.lower(), autoescape=True),
                tokens.c.id.contains(text, autoescape=True),
            )
        )
    return [record_of(row, TokenRecord) for row in await tx.connection.execute(query)]


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
    values = [
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
    ]
    if values:
        await tx.connection.execute(insert_into(tx, grades).on_conflict_do_nothing(), values)


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
        # Every token of the source: its identities lie between "source:" and "source;".
        lines = lines.where(grades.c.token.between(f"{cycle.source}:", f"{cycle.source};"))
    newest = lines.subquery()
    found = await tx.connection.execute(select(newest).where(newest.c.place == 1))
    return {row.token: _observation(row) for row in found}


async def list_history(
    tx: Transaction,
    token: TokenId,
    kind: Kind | None,
    *,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[tuple[Kind, Observation]]:
    """A token's history, newest first. before: (as_of, revision) of the last line seen."""
    query = _history(token, kind).add_columns(grades.c.kind)
    query = query.order_by(grades.c.as_of.desc(), grades.c.revision.desc(), grades.c.kind)
    if before is not None:
        query = query.where(tuple_(grades.c.as_of, grades.c.revision) < before)
    rows = await tx.connection.execute(query.limit(limit))
    return [(Kind(row.kind), _observation(row)) for row in rows]


def fold(symbol: str) -> str:
    """A symbol as it is looked up: case and a leading $ do not matter."""
    return symbol.strip().lstrip("$").casefold()[:120] or symbol


def _tokens() -> Select[tuple[str, str, str, str, datetime]]:
    return select(
        tokens.c.id, tokens.c.source, tokens.c.symbol, tokens.c.name, tokens.c.first_seen_at
    )


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


def _rating(row: Row[Any]) -> Rating:
    return Rating(
        token=row.token,
        rank=row.rank,
        since=row.since,
        score=row.score,
        as_of=row.as_of,
        anchor=row.anchor,
        label=row.label,
        components=_components(row.components),
        revision=row.revision,
        event_id=row.event_id,
        absent_cycles=row.absent_cycles,
        absent_since=row.absent_since,
        absent_as_of=row.absent_as_of,
        withdrawn=row.withdrawn,
    )
