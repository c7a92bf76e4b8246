"""What the tests of tokens on Telegram share: a few tokens, graded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alerts.domain.deliveries import Channel
from alerts.domain.grades import TokenId
from alerts.pipeline.places import list_places
from tests.bots.talks import Talk, open_talk

LABELS = {
    "1": ("BTC", "Bitcoin"),
    "2": ("ETH", "Ethereum"),
    "3": ("BTC", "Wrapped Bitcoin"),
    "4": ("SHIB", "Shiba Inu"),
}


@asynccontextmanager
async def open_graded(database_url: str) -> AsyncIterator[Talk]:
    """A talk after two cycles: all of them were upgraded from Neutral to Strong Buy."""
    async with open_talk(database_url) as talk:
        await grade(talk, 1, 50)
        await grade(talk, 2, 85)
        yield talk


async def grade(
    talk: Talk, day: int, score: float, *, kind: str = "trader", without: str | None = None
) -> None:
    """A cycle in which all of them have one score. without: a token that it lacks."""
    parts = {"quant_grade": score - 5, "unknown": None}
    rows = [
        {"token_id": token, "symbol": symbol, "name": name, "score": score, "components": parts}
        for token, (symbol, name) in LABELS.items()
        if token != without
    ]
    body = {"source": "demo", "kind": kind, "as_of": f"2026-01-{day:02}T00:00:00Z"}
    answer = await talk.api.post(
        "/v1/cycles", json={**body, "complete": without is None, "grades": rows}
    )
    assert answer.status_code == 201, answer.text


async def followed(talk: Talk) -> tuple[TokenId, ...]:
    """What the one chat follows that has an endpoint."""
    (place,) = await list_places(channel=Channel.TELEGRAM, desk=talk.services.desk)
    return place.endpoint.filter.tokens or ()
