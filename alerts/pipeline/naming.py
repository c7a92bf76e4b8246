"""Naming: tokens as people name them, by identity or by symbol, and which ones they mean."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alerts.domain.grades import TokenId, is_token_identity
from alerts.domain.tokens import NEAREST_SHOWN, nearest_symbols
from alerts.errors import InvalidInput, NotFound
from alerts.store.endpoints import find_endpoint
from alerts.store.engine import Transaction
from alerts.store.log import LogFilter
from alerts.store.tokens import Bearer, all_labels, bearers_of, find_token, fold

MOST_TOKENS: Final = 10_000


async def resolve_tokens(
    tx: Transaction, wanted: Sequence[str] | None, *, field: str = "filter.tokens"
) -> tuple[TokenId, ...] | None:
    """Identities of what was named by identity or symbol, each once; None stays None (all).

    Raises InvalidInput with candidates for a symbol that several tokens bear, or none does.
    """
    if wanted is None:
        return None
    if not wanted:
        raise InvalidInput(field, "must name at least one token, or be null for all")
    if len(wanted) > MOST_TOKENS:
        raise InvalidInput(field, f"names {len(wanted)} tokens; at most {MOST_TOKENS}")
    symbols = {name: fold(name) for name in wanted if not is_token_identity(name)}
    bearers = await bearers_of(tx, symbols.values())
    found = {
        await _meant(tx, name, bearers.get(symbols[name], ()), field=f"{field}[{place}]")
        if name in symbols
        else TokenId(name)
        for place, name in enumerate(wanted)
    }
    return tuple(sorted(found))


async def resolve_token(tx: Transaction, name: str, *, field: str = "token") -> TokenId:
    """The identity of one token named by identity or symbol. Raises InvalidInput."""
    if is_token_identity(name):
        return TokenId(name)
    symbol = fold(name)
    bearers = await bearers_of(tx, [symbol])
    return await _meant(tx, name, bearers.get(symbol, ()), field=field)


async def known_token(tx: Transaction, name: str) -> TokenId:
    """As `resolve_token`, and it must have been seen. Raises NotFound."""
    token = await resolve_token(tx, name)
    if await find_token(tx, token) is None:
        raise NotFound("token", name)
    return token


async def resolve_filter(tx: Transaction, wanted: LogFilter, *, app_id: str | None) -> LogFilter:
    """A search of the log with its token's id, whichever way it was named.

    Raises InvalidInput for what can find nothing: an endpoint that is not the app's, a stretch of
    time that ends before it begins, a symbol that names no one token.
    """
    if wanted.since is not None and wanted.until is not None and wanted.until <= wanted.since:
        raise InvalidInput("until", "must be later than since")
    endpoint_id = wanted.endpoint_id
    if endpoint_id is not None and await find_endpoint(tx, endpoint_id, app_id=app_id) is None:
        raise InvalidInput("endpoint", f"there is no endpoint {endpoint_id!a}")
    if wanted.token is None:
        return wanted
    return replace(wanted, token=await resolve_token(tx, wanted.token))


async def _meant(tx: Transaction, symbol: str, bearers: Sequence[Bearer], *, field: str) -> TokenId:
    """The one bearer of a symbol. Raises InvalidInput."""
    if len(bearers) == 1:
        return bearers[0].id
    if bearers:
        shown = tuple(f"{token.id} ({token.name})" for token in bearers[:NEAREST_SHOWN])
        problem = f"{len(bearers)} tokens bear the symbol {symbol!r}; name one by its id"
        raise InvalidInput(field, problem, shown)
    nearest = await asyncio.to_thread(nearest_symbols, symbol, await all_labels(tx))
    raise InvalidInput(field, f"no token bears the symbol {symbol!r}", nearest)
