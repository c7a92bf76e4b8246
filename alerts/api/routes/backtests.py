"""Backtests: what an endpoint would have been sent, whether there is one or not."""

import asyncio
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from alerts.api.backtests import BacktestPaging, admit, taken, turn_of, view_messages
from alerts.api.bodies import json_body, takes
from alerts.api.changes import checked
from alerts.api.deps import Bell, Reader
from alerts.api.docs import refuses
from alerts.api.schemas.backtests import BacktestAnswer, NewBacktest
from alerts.bootstrap import Services
from alerts.domain.grades import read_as_of
from alerts.errors import InvalidInput
from alerts.pipeline.backtest import Supposed, backtest, existing
from alerts.pipeline.naming import resolve_tokens

router = APIRouter(tags=["Endpoints"])
Asked = Annotated[BacktestPaging, Query()]
Turn = Annotated[asyncio.Lock, Depends(turn_of)]
# Of a message in the list, 1 the newest.
_PLACE: Final = re.compile(r"[1-9][0-9]{0,8}")


@router.get("/v1/endpoints/{endpoint_id}/backtest", responses=refuses(404, 422))
async def backtest_endpoint(
    endpoint_id: str, *, principal: Reader, services: Bell, query: Asked, turn: Turn
) -> BacktestAnswer:
    """Say what an endpoint would have been sent, had it been all the time as it is now.

    The recorded events are matched, put off by quiet hours and cooldown, grouped and spaced as they
    are where they are sent, and every send arrives. Mutes, pauses and failures are left out, and so
    are digests. What a threshold or a window tells was recorded only since somebody named it; what
    it would have told before is made of the grades' history. Nothing is sent.
    """
    await admit(principal.reach, services)
    asked = await existing(endpoint_id, app_id=principal.reach, store=services.store)
    async with taken(turn):
        return await _answer(asked, query, services)


@router.post("/v1/backtest", openapi_extra=takes(NewBacktest), responses=refuses(400, 413, 422))
async def backtest_supposed(
    *,
    principal: Reader,
    services: Bell,
    query: Asked,
    turn: Turn,
    body: Annotated[NewBacktest, Depends(json_body(NewBacktest))],
) -> BacktestAnswer:
    """Say what an endpoint would have been sent that does not exist. Nothing is made or sent."""
    checked(body.filter.wanted())
    await admit(principal.reach, services)
    async with services.store.read() as tx:
        tokens = await resolve_tokens(tx, body.filter.tokens)
    asked = body.supposed(tokens)
    async with taken(turn):
        return await _answer(asked, query, services)


async def _answer(asked: Supposed, query: BacktestPaging, services: Services) -> BacktestAnswer:
    until, shown = await _place(query, services)
    since = until - timedelta(days=query.days)
    found = await backtest(
        asked,
        since=since,
        until=until,
        store=services.store,
        ladder=services.ladder,
        newest=shown + query.and_one,
    )
    newest = list(enumerate(reversed(found.messages), start=1))[shown:]
    page_of = [message for _, message in newest[: query.limit]]
    views = await view_messages(page_of, asked, found, services=services)
    places = dict(zip((place for place, _ in newest), views, strict=False))
    page = query.page(
        newest, lambda one: places[one[0]], lambda one: [until.isoformat(), str(one[0])]
    )
    return BacktestAnswer(
        since=since,
        until=until,
        events=found.events,
        matched=found.matched,
        messages=found.sent,
        ended=dict(found.ended),
        waiting=found.waiting,
        **page,
    )


async def _place(query: BacktestPaging, services: Services) -> tuple[datetime, int]:
    """Until when, which all pages agree on, and how many messages were shown already."""
    keys = query.before(parts=2)
    async with services.store.read() as tx:
        now = await tx.now()
    if keys is None:
        return now, 0
    with suppress(InvalidInput):
        until = read_as_of(keys[0], latest=None)
        if until <= now and _PLACE.fullmatch(keys[1]):
            return until, int(keys[1])
    raise InvalidInput("cursor", "is not one that this list gave")
