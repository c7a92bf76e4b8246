"""Tokens: by the symbol and name they bear now."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import Insert, Select, case, func, or_, select

from alerts.domain.grades import Grade, SourceName, TokenId
from alerts.domain.tokens import SHORTENED, short_id
from alerts.store.among import among, ids_called
from alerts.store.engine import CHUNK_ROWS, Transaction, in_chunks, insert_on
from alerts.store.many import insert_many
from alerts.store.ratings import NAMED_TOKENS
from alerts.store.rows import record_of
from alerts.store.tables import tokens

# What a token is called, which may change.
_LABELS: Final = ("symbol", "symbol_folded", "name", "search_text")


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as last seen. former_symbol: what it bore before `renamed_at`, if it was renamed."""

    id: TokenId
    source: SourceName
    symbol: str
    name: str
    first_seen_at: datetime
    former_symbol: str | None = None
    renamed_at: datetime | None = None


class Bearer(NamedTuple):
    """A token that bears a symbol."""

    id: TokenId
    name: str


async def save_tokens(
    tx: Transaction, source: SourceName, seen: Sequence[Grade], *, is_news: bool
) -> None:
    """Know these tokens by the symbol and name they bear now.

    is_news: whether names may replace those known; old ones only name tokens not seen before.
    Rows are written in order of id, so that two cycles of one source never wait in a ring.
    """
    now = await tx.now()
    # Most bear the names they bore; of many it takes less to read that than to write it again.
    known = await _known(tx, source) if len(seen) > NAMED_TOKENS else {}
    rows = (
        {
            "id": grade.token,
            "source": source,
            "symbol": grade.symbol,
            "symbol_folded": fold(grade.symbol),
            "name": grade.name,
            "search_text": _search_text(grade),
            "first_seen_at": now,
        }
        for grade in sorted(seen, key=lambda grade: grade.token)
        if known.get(grade.token) != (grade.symbol, grade.name, _search_text(grade))
    )
    await insert_many(tx, _save(is_postgresql=tx.is_postgresql, is_news=is_news), rows)


async def _known(tx: Transaction, source: SourceName) -> dict[TokenId, tuple[str, str, str]]:
    """(symbol, name, what is searched) of all tokens of a source."""
    columns = tokens.c
    query = select(columns.id, columns.symbol, columns.name, columns.search_text)
    found = await tx.connection.execute(query.where(columns.source == source))
    known = {}
    for rows in found.partitions(CHUNK_ROWS):
        known.update({TokenId(token): (symbol, name, text) for token, symbol, name, text in rows})
        await asyncio.sleep(0)
    return known


def _search_text(grade: Grade) -> str:
    return "\n".join((grade.token, grade.symbol, grade.name)).casefold()


@cache
def _save(*, is_postgresql: bool, is_news: bool) -> Insert:
    statement = insert_on(tokens, is_postgresql=is_postgresql)
    if not is_news:
        return statement.on_conflict_do_nothing()
    new, known = statement.excluded, tokens.c
    is_renamed = known.symbol != new.symbol
    renamed = {
        "former_symbol": case((is_renamed, known.symbol), else_=known.former_symbol),
        # Of what is written that is now; what is known stays.
        "renamed_at": case((is_renamed, new.first_seen_at), else_=known.renamed_at),
    }
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_={name: new[name] for name in _LABELS} | renamed,
        # An older release, running on this schema, leaves no search text.
        where=or_(*(tokens.c[name] != new[name] for name in _LABELS)),
    )


async def load_labels(
    tx: Transaction, source: SourceName, *, wanted: Sequence[TokenId] | None
) -> dict[TokenId, tuple[str, str]]:
    """(symbol, name) by token, as last seen. wanted: of these only; None is all of a source."""
    query = select(tokens.c.id, tokens.c.symbol, tokens.c.name).where(tokens.c.source == source)
    if wanted is not None and len(wanted) <= NAMED_TOKENS:
        query = query.where(tokens.c.id.in_(wanted))
    return {row.id: (row.symbol, row.name) for row in await tx.connection.execute(query)}


async def former_symbols(
    tx: Transaction, wanted: Collection[TokenId], *, since: datetime
) -> dict[TokenId, str]:
    """What those of these tokens were called that were renamed since then."""
    query = select(tokens.c.id, tokens.c.former_symbol).where(
        among(tokens.c.id, ids_called("ids")), tokens.c.former_symbol.is_not(None)
    )
    query = query.where(tokens.c.renamed_at >= since)
    rows = await tx.connection.execute(query, {"ids": wanted})
    return {row.id: row.former_symbol for row in rows}


async def find_token(tx: Transaction, token: str) -> TokenRecord | None:
    """A token by its identity."""
    row = (await tx.connection.execute(_tokens().where(tokens.c.id == token))).one_or_none()
    return None if row is None else record_of(row, TokenRecord)


async def find_tokens(tx: Transaction, wanted: Collection[TokenId]) -> dict[TokenId, TokenRecord]:
    """Tokens by their identities; those never seen are left out."""
    query = _tokens().where(among(tokens.c.id, ids_called("ids")))
    rows = await tx.connection.execute(query, {"ids": wanted})
    return {row.id: record_of(row, TokenRecord) for row in rows}


async def find_short(tx: Transaction, short: str) -> TokenRecord | None:
    """A token by what `short_id` made of its identity."""
    begins, is_shortened, _ = short.partition(SHORTENED)
    if not is_shortened:
        return await find_token(tx, short)
    query = _tokens().where(tokens.c.id.startswith(begins, autoescape=True))
    alike = [record_of(row, TokenRecord) for row in await tx.connection.execute(query)]
    return next((token for token in alike if short_id(token.id) == short), None)


async def tokens_called(tx: Transaction, name: str, *, limit: int) -> list[TokenRecord]:
    """Tokens that bear this name, not as their symbol, in order of identity; any case."""
    # The name is the last line of what is searched.
    ends = f"\n{name.strip().casefold()}"
    query = _tokens().where(tokens.c.search_text.endswith(ends, autoescape=True))
    rows = await tx.connection.execute(query.order_by(tokens.c.id).limit(limit))
    return [record_of(row, TokenRecord) for row in rows]


async def bearers_of(tx: Transaction, symbols: Iterable[str]) -> dict[str, list[Bearer]]:
    """The tokens that bear each of these symbols, in order of identity. symbols: folded."""
    found: dict[str, list[Bearer]] = {}
    columns = tokens.c
    for chunk in in_chunks(sorted(set(symbols))):
        query = select(columns.symbol_folded, columns.id, columns.name)
        query = query.where(columns.symbol_folded.in_(chunk)).order_by(columns.id)
        for row in await tx.connection.execute(query):
            found.setdefault(row.symbol_folded, []).append(Bearer(row.id, row.name))
    return found


async def all_labels(tx: Transaction) -> list[tuple[str, str]]:
    """(symbol, name) of every token, for finding the nearest to a symbol that nobody bears."""
    query = select(tokens.c.symbol, tokens.c.name).distinct()
    return [(row.symbol, row.name) for row in await tx.connection.execute(query)]


async def list_tokens(
    tx: Transaction, *, text: str | None, after: str | None, limit: int
) -> list[TokenRecord]:
    """Tokens in order of identity. text: part of symbol, name or identity, any case."""
    query = _tokens().order_by(tokens.c.id).limit(limit)
    if after is not None:
        query = query.where(tokens.c.id > after)
    if text:
        query = query.where(tokens.c.search_text.contains(fold(text), autoescape=True))
    return [record_of(row, TokenRecord) for row in await tx.connection.execute(query)]


async def suggest_tokens(tx: Transaction, text: str, *, limit: int) -> list[TokenRecord]:
    """Tokens that may be meant by the beginning of a name, the likeliest first.

    That is whose symbol it is, whose symbol begins with it, and who has it anywhere.
    """
    typed, symbol = fold(text), tokens.c.symbol_folded
    begins = symbol.startswith(typed, autoescape=True)
    likely = case((symbol == typed, 0), (begins, 1), else_=2)
    query = _tokens().order_by(likely, func.length(symbol), symbol, tokens.c.id).limit(limit)
    if typed:
        query = query.where(tokens.c.search_text.contains(typed, autoescape=True))
    return [record_of(row, TokenRecord) for row in await tx.connection.execute(query)]


def fold(symbol: str) -> str:
    """A symbol as it is looked up: case and a leading $ do not matter."""
    return symbol.strip().lstrip("$").casefold()[:120] or symbol


def _tokens() -> Select[tuple[str, str, str, str, datetime, str | None, datetime | None]]:
    columns = tokens.c
    return select(
        columns.id,
        columns.source,
        columns.symbol,
        columns.name,
        columns.first_seen_at,
        columns.former_symbol,
        columns.renamed_at,
    )
