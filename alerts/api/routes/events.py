"""Events: the feed, for whoever has no server to be called at."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.api.deps import Bell, Reader
from alerts.api.docs import refuses
from alerts.api.schemas.base import KindName
from alerts.api.schemas.events import Event, Feed
from alerts.domain.events import EventType
from alerts.errors import CursorExpired, NotFound
from alerts.pipeline.naming import resolve_token
from alerts.store.engine import Transaction
from alerts.store.events import (
    EventRecord,
    current_sequence,
    dropped_through,
    find_event,
    list_events,
)

router = APIRouter(prefix="/v1/events", tags=["Events"])


class FeedQuery(BaseModel):
    """Which stretch of the feed, and which events of it."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(
        default=0, ge=0, lt=2**62, description="`next` of the last answer; 0 is the oldest kept."
    )
    limit: int = Field(default=50, ge=1, le=200)
    type: EventType | None = None
    token: str | None = Field(
        default=None, max_length=120, description="An id, or an unambiguous symbol."
    )
    kind: KindName | None = None


@router.get(
    "",
    response_model=None,
    responses={200: {"model": Feed}, **refuses(410, 422)},
)
async def show_feed(
    principal: Reader, services: Bell, query: Annotated[FeedQuery, Query()]
) -> Response:
    """Read what happened after `after`, oldest first, and come back with `next`.

    Events are the same as in webhooks, byte for byte. A number once passed is never filled in
    later, so nothing is missed. Events are kept for 400 days; 410 says that some you did not read
    are gone, and where to go on.
    """
    async with services.store.read() as tx:
        # In this order: what is committed by the first reading is seen by the second, and what
        # was dropped before the second is noticed by the third.
        newest = await current_sequence(tx)
        token = None if query.token is None else await resolve_token(tx, query.token)
        records = await list_events(
            tx,
            after=query.after,
            limit=query.limit,
            app_id=principal.reach,
            event_type=query.type,
            token=token,
            kind=query.kind,
        )
        await _refuse_gap(tx, query.after)
    following = _next(records, query, newest)
    body = b'{"data":[%b],"next":"%d"}' % (b",".join(one.body for one in records), following)
    return Response(body, media_type="application/json")


@router.get(
    "/{event_id}",
    response_model=None,
    responses={200: {"model": Event}, **refuses(404)},
)
async def show_event(event_id: str, principal: Reader, services: Bell) -> Response:
    """Show one event, byte for byte as in its webhooks."""
    async with services.store.read() as tx:
        record = await find_event(tx, event_id, app_id=principal.reach)
    if record is None:
        raise NotFound("event", event_id)
    return Response(record.body, media_type="application/json")


def _next(records: list[EventRecord], query: FeedQuery, newest: int) -> int:
    """Where to go on: past all that was looked at, wanted or not."""
    if len(records) == query.limit:
        return records[-1].sequence
    last = records[-1].sequence if records else 0
    return max(query.after, newest, last)


async def _refuse_gap(tx: Transaction, after: int) -> None:
    """Raises CursorExpired if events that follow `after` were kept once and are no more."""
    if after == 0:
        return
    reachable = await dropped_through(tx)
    if after < reachable:
        raise CursorExpired(reachable)
