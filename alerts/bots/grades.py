"""A token's grades: what `/grade` says, and the tokens that somebody may mean."""

from dataclasses import dataclass

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.domain.ratings import Rating
from alerts.pipeline.naming import known_token
from alerts.store.ratings import load_token_ratings
from alerts.store.tokens import TokenRecord, find_token, list_tokens


@dataclass(frozen=True, slots=True)
class Graded:
    """A token with the ratings held of it, by kind. url: its page, where there is one."""

    token: TokenRecord
    ratings: dict[Kind, Rating]
    url: str | None


async def grade_of(name: str, *, services: Services) -> Graded | None:
    """A token by its id, or by a symbol that only it bears. Raises InvalidInput, NotFound."""
    async with services.store.read() as tx:
        token = await known_token(tx, name)
        record = await find_token(tx, token)
        held = await load_token_ratings(tx, token)
    if record is None:
        return None
    page = services.ladder.token_page(record.id, record.symbol, record.name)
    return Graded(record, held, page)


async def tokens_like(text: str, *, limit: int, services: Services) -> list[TokenRecord]:
    """Tokens whose symbol, name or id holds this text."""
    async with services.store.read() as tx:
        return await list_tokens(tx, text=text or None, after=None, limit=limit)
