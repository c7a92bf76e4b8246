"""Tokens: the ratings held, and grades over time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from alerts.api.deps import Bell, Paging, Reader
from alerts.api.docs import refuses
from alerts.api.schemas.base import KindName
from alerts.api.schemas.tokens import HeldRating, History, PastGrade, Token, Tokens
from alerts.bootstrap import Services
from alerts.domain.events import rfc3339
from alerts.domain.grades import Kind
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.freshness import read_freshness
from alerts.pipeline.naming import known_token
from alerts.store.engine import Transaction
from alerts.store.ratings import Observation, list_history, ratings_of
from alerts.store.tokens import TokenRecord, find_token, list_tokens

router = APIRouter(prefix="/v1/tokens", tags=["Tokens"])


class TokenQuery(Paging):
    """Which tokens."""

    query: str | None = Field(
        default=None, max_length=120, description="Part of a symbol, name or id."
    )


class HistoryQuery(Paging):
    """Which part of a token's history."""

    kind: KindName | None = None


@router.get("", response_model=Tokens, responses=refuses(422))
async def show_tokens(
    _principal: Reader, services: Bell, query: Annotated[TokenQuery, Query()]
) -> dict[str, Any]:
    """List tokens by id, with the ratings held of each."""
    async with services.store.read() as tx:
        records = await list_tokens(
            tx, text=query.query, after=query.before_id, limit=query.and_one
        )
        shown = {token.id: token for token in await _tokens(tx, records, services)}
    return query.page(records, lambda record: shown[record.id], lambda record: [record.id])


@router.get("/{token}", responses=refuses(404, 422))
async def show_token(token: str, _principal: Reader, services: Bell) -> Token:
    """Show one token, by id or by a symbol that only it bears."""
    async with services.store.read() as tx:
        record = await find_token(tx, await known_token(tx, token))
        if record is None:
            raise NotFound("token", token)
        (shown,) = await _tokens(tx, [record], services)
    return shown


@router.get("/{token}/history", response_model=History, responses=refuses(404, 422))
async def show_history(
    token: str,
    *,
    _principal: Reader,
    services: Bell,
    query: Annotated[HistoryQuery, Query()],
) -> dict[str, Any]:
    """List a token's grades, newest first: a line wherever something changed."""
    async with services.store.read() as tx:
        lines = await list_history(
            tx,
            await known_token(tx, token),
            None if query.kind is None else Kind(query.kind),
            before=_last_line(query),
            limit=query.and_one,
        )
    return query.page(lines, lambda line: PastGrade.of(*line), _line_key)


def _line_key(line: tuple[Kind, Observation]) -> list[str]:
    kind, seen = line
    return [rfc3339(seen.as_of), str(seen.revision), kind.value]


def _last_line(query: HistoryQuery) -> tuple[datetime, int, Kind] | None:
    keys = query.before(3)
    if keys is None:
        return None
    try:
        as_of = datetime.fromisoformat(keys[0])
        revision, kind = int(keys[1]), Kind(keys[2])
    except ValueError:
        raise InvalidInput("cursor", "is not one that this list gave") from None
    if as_of.tzinfo is None or not 0 <= revision < 2**31:
        raise InvalidInput("cursor", "is not one that this list gave")
    return as_of, revision, kind


async def _tokens(
    tx: Transaction, records: Sequence[TokenRecord], services: Services
) -> list[Token]:
    """Tokens with their ratings."""
    ladder = services.ladder
    freshness = await read_freshness(tx)
    held = await ratings_of(tx, [record.id for record in records])
    return [
        Token.of(
            record,
            {
                kind: HeldRating.of(
                    rating, ladder.policies[kind], is_stale=freshness.is_stale(rating, kind)
                )
                for kind, rating in held.get(record.id, {}).items()
            },
            ladder.token_page(record.id, record.symbol, record.name),
        )
        for record in records
    ]
