"""Backtest: what an endpoint would have been sent, of the events that were recorded.

An event is what the comparison of two cycles came to when it was made, so it is not made again:
each is matched, put off, grouped and told anew, as if the endpoint had been there all the time, as
it is now, and every send had arrived at once. What thresholds and windows tell is made of the
history, for it was recorded only since somebody named them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel, EndpointState, Order
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Filter, rows_of
from alerts.errors import NotFound
from alerts.pipeline.consent import Wishes
from alerts.pipeline.diff import Ladder
from alerts.pipeline.give_way import tells_newest_alone
from alerts.pipeline.rehearsal import Rehearsal, Telling
from alerts.pipeline.relived import Braid, Heard, Progress, relived
from alerts.ports import Letter
from alerts.store.endpoints import Recipient, find_endpoint
from alerts.store.engine import Store
from alerts.store.past_news import Span, bodies_of, news_in, span_between

# Events read at once: what the event loop makes of their rows takes it 30 ms.
CHUNK: Final = 1000
# How far back one may ask: events are kept a little longer than a year.
MOST_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Supposed:
    """An endpoint that may not exist, and what it wants."""

    recipient: Recipient
    wanted: Filter


@dataclass(frozen=True, slots=True)
class Backtest:
    """What would have been sent from `since` to `until`, both included.

    events: that were recorded; matched: of these, and of what rules tell. sent: how many messages.
    messages: the newest of them that were asked for, the oldest first. ended: events that were
    matched and never told, by the reason. waiting: those that would still wait. relived: the bytes
    of what rules told, by the id of each event.
    """

    since: datetime
    until: datetime
    events: int
    matched: int
    sent: int
    messages: Sequence[Telling]
    ended: Mapping[str, int]
    waiting: int
    relived: Mapping[str, bytes]


async def existing(endpoint_id: str, *, app_id: str | None, store: Store) -> Supposed:
    """An endpoint as it is now. app_id: None for the operator. Raises NotFound."""
    async with store.read() as tx:
        found = await find_endpoint(tx, endpoint_id, app_id=app_id)
    if found is None:
        raise NotFound("endpoint", endpoint_id)
    return Supposed(found, found.filter)


def supposed(
    channel: Channel,
    wanted: Filter,
    *,
    order: Order | None = None,
    rate_limit: float | None = None,
    time_to_live: timedelta | None = None,
    cooldown_seconds: int | None = None,
    time_zone: str | None = None,
    quiet_hours: QuietHours | None = None,
) -> Supposed:
    """An endpoint that does not exist; what is None is as its channel has it.

    Raises InvalidInput for a rate that the platform does not take.
    """
    terms = TERMS[channel]
    lives = terms.time_to_live if time_to_live is None else time_to_live
    recipient = Recipient(
        id="",
        app_id="",
        channel=channel,
        address=b"",
        description="",
        state=EndpointState.ACTIVE,
        rate_limit=terms.rate(rate_limit),
        order=terms.order if order is None else order,
        time_to_live_seconds=int(lives.total_seconds()),
        retry_schedule_seconds=None,
        headers=None,
        time_zone=time_zone,
        quiet_hours=quiet_hours,
        cooldown_seconds=cooldown_seconds,
    )
    return Supposed(recipient, wanted)


async def backtest(
    asked: Supposed,
    *,
    since: datetime,
    until: datetime,
    store: Store,
    ladder: Ladder,
    newest: int | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Tell an endpoint the events of a time again.

    newest: how many messages to keep, for there may be a million. progress: called with the share
    that is done; where thresholds or windows are named, of their history, and then of the rest.
    """
    recipient, wanted = asked.recipient, asked.wanted
    rows = await asyncio.to_thread(rows_of, wanted, 0)
    made = await relived(
        wanted, since=since, until=until, store=store, ladder=ladder, progress=progress
    )
    braid = Braid(made) if wanted.thresholds or wanted.windows else None
    rehearsal = Rehearsal(recipient, Wishes.of({recipient.id: rows}), newest=newest)
    async with store.read() as tx:
        whole = await span_between(tx, since, until)
    async for chunk, share in _recorded(asked, whole, store=store):
        await asyncio.to_thread(_hear, rehearsal, braid, chunk)
        if progress is not None:
            progress(share)
    await asyncio.to_thread(_finish, rehearsal, braid, until)
    return Backtest(
        since=since,
        until=until,
        events=0 if whole is None else whole.last + 1 - whole.first,
        matched=rehearsal.owed,
        sent=rehearsal.sent,
        messages=rehearsal.told,
        ended=rehearsal.queue.ended,
        waiting=len(rehearsal.queue),
        relived={news.id: news.body for news, _ in made},
    )


def _hear(rehearsal: Rehearsal, braid: Braid | None, chunk: list[Heard]) -> None:
    rehearsal.hear(chunk if braid is None else braid.hear(chunk))


def _finish(rehearsal: Rehearsal, braid: Braid | None, until: datetime) -> None:
    if braid is not None:
        rehearsal.hear(braid.finish())
    rehearsal.finish(until)


async def _recorded(
    asked: Supposed, whole: Span | None, *, store: Store
) -> AsyncIterator[tuple[list[Heard], float]]:
    """What was recorded, a part at a time, each with the share that it makes whole.

    No transaction is open meanwhile, and the event loop goes on.
    """
    gives_way, left = tells_newest_alone(asked.recipient), whole
    while left is not None and whole is not None:
        async with store.read() as tx:
            chunk = await news_in(
                tx, left, limit=CHUNK, tokens=asked.wanted.tokens, with_bodies=gives_way
            )
        left = _after(left, chunk[-1][0].facts.sequence) if len(chunk) == CHUNK else None
        done = whole.last + 1 if left is None else left.first
        yield chunk, (done - whole.first) / (whole.last + 1 - whole.first)


async def letters_of(
    message: Telling, *, store: Store, relived: Mapping[str, bytes]
) -> list[Letter]:
    """What a sender is given for this; an event that is no longer kept is left out.

    relived: the backtest's.
    """
    async with store.read() as tx:
        bodies = await bodies_of(tx, [part.event_id for part in message.parts])
    letters = []
    for part in message.parts:
        body = bodies.get(part.event_id) or relived.get(part.event_id)
        if body is not None:
            letters.append(Letter("", part.event_id, body, part.rule, part.deferred_reason))
    return letters


def _after(span: Span, sequence: int) -> Span | None:
    return Span(sequence + 1, span.last) if sequence < span.last else None
