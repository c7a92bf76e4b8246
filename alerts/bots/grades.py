"""Tokens and their grades: what `/grade` says, and the tokens that somebody may mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.grades import Kind, TokenId, is_token_identity
from alerts.domain.ratings import Rating
from alerts.pipeline.freshness import read_freshness
from alerts.pipeline.naming import known_token
from alerts.store.engine import Transaction
from alerts.store.ratings import highest_rated, ratings_of
from alerts.store.tokens import TokenRecord, bearers_of, find_tokens, fold, suggest_tokens

# Offered where somebody has named none, as far as they are graded.
WELL_KNOWN: Final = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "LTC")


@dataclass(frozen=True, slots=True)
class Graded:
    """A token with the ratings held of it, by kind. url: its page, where there is one.

    stale: kinds of which no fresh grade came lately.
    """

    token: TokenRecord
    ratings: dict[Kind, Rating]
    url: str | None
    stale: frozenset[Kind] = frozenset()


async def tokens_meant(name: str, *, services: Services) -> list[TokenRecord]:
    """The token of an id, or all that bear this symbol. Raises InvalidInput, NotFound."""
    async with services.store.read() as tx:
        symbol = fold(name)
        bearers = [] if is_token_identity(name) else (await bearers_of(tx, [symbol])).get(symbol)
        meant = [one.id for one in bearers or ()] or [await known_token(tx, name)]
        return await _records(tx, meant)


async def tokens_of(ids: Sequence[TokenId], *, services: Services) -> list[TokenRecord]:
    """Tokens by their ids; those never seen are left out."""
    async with services.store.read() as tx:
        return await _records(tx, ids)


async def grade_of(token: TokenRecord, *, services: Services) -> Graded:
    """What is held of a token."""
    (graded,) = await grades_of([token], services=services)
    return graded


async def grades_of(tokens: Sequence[TokenRecord], *, services: Services) -> list[Graded]:
    """What is held of tokens, in their order."""
    async with services.store.read() as tx:
        held = await ratings_of(tx, [token.id for token in tokens])
        freshness = await read_freshness(tx)
    page, found = services.ladder.token_page, []
    for each in tokens:
        ratings = held.get(each.id, {})
        stale = frozenset(kind for kind in ratings if freshness.is_stale(ratings[kind], kind))
        found.append(Graded(each, ratings, page(each.id, each.symbol, each.name), stale))
    return found


async def big_tokens(*, most: int, services: Services) -> list[TokenRecord]:
    """Tokens that many people know, of those there are; and where they are few, the best graded."""
    async with services.store.read() as tx:
        bearers = await bearers_of(tx, [fold(symbol) for symbol in WELL_KNOWN])
        known = [bearers[fold(symbol)][0].id for symbol in WELL_KNOWN if fold(symbol) in bearers]
        best = await highest_rated(tx, Kind.FUNDAMENTAL, limit=most)
        return await _records(tx, list(dict.fromkeys([*known, *best]))[:most])


async def tokens_like(text: str, *, limit: int, services: Services) -> list[TokenRecord]:
    """Tokens that may be meant by what is typed so far, the likeliest first."""
    async with services.store.read() as tx:
        return await suggest_tokens(tx, text, limit=limit)


async def _records(tx: Transaction, ids: Sequence[TokenId]) -> list[TokenRecord]:
    found = await find_tokens(tx, ids)
    return [found[token] for token in ids if token in found]
