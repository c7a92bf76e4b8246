"""Tokens and their grades: what `/grade` says, and the tokens that somebody may mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.bootstrap import Services
from alerts.domain.grades import Kind, TokenId, is_token_identity
from alerts.domain.ratings import Rating
from alerts.pipeline.naming import known_token
from alerts.store.engine import Transaction
from alerts.store.ratings import load_token_ratings
from alerts.store.tokens import TokenRecord, bearers_of, find_token, fold, suggest_tokens


@dataclass(frozen=True, slots=True)
class Graded:
    """A token with the ratings held of it, by kind. url: its page, where there is one."""

    token: TokenRecord
    ratings: dict[Kind, Rating]
    url: str | None


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
    async with services.store.read() as tx:
        held = await load_token_ratings(tx, token.id)
    return Graded(token, held, services.ladder.token_page(token.id, token.symbol, token.name))


async def tokens_like(text: str, *, limit: int, services: Services) -> list[TokenRecord]:
    """Tokens that may be meant by what is typed so far, the likeliest first."""
    async with services.store.read() as tx:
        return await suggest_tokens(tx, text, limit=limit)


async def _records(tx: Transaction, ids: Sequence[TokenId]) -> list[TokenRecord]:
    found = [await find_token(tx, token) for token in ids]
    return [token for token in found if token is not None]
