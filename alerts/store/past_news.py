"""Events of the past, as they were told to everyone, for whoever asks what would have been sent."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select

from alerts.domain.events import AudienceKind
from alerts.domain.grades import TokenId
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.outbox import NEWS_COLUMNS, News, news_of
from alerts.store.tables import events

# Up to this many tokens are asked for by name; beyond it all events are read.
NAMED_TOKENS: Final = 500


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers of events, the first and the last of them, in the order of their times."""

    first: int
    last: int


async def span_between(tx: Transaction, since: datetime, until: datetime) -> Span | None:
    """The events recorded from `since` up to `until`, both included; None where there are none."""
    at, sequence = events.c.recorded_at, events.c.sequence
    first = select(sequence).where(at >= since).order_by(at, sequence).limit(1)
    last = select(sequence).where(at <= until).order_by(at.desc(), sequence.desc()).limit(1)
    ends = [(await tx.connection.execute(end)).scalar_one_or_none() for end in (first, last)]
    if ends[0] is None or ends[1] is None or ends[0] > ends[1]:
        return None
    return Span(ends[0], ends[1])


async def news_in(
    tx: Transaction,
    span: Span,
    *,
    limit: int,
    tokens: Collection[TokenId] | None,
    with_bodies: bool,
) -> list[tuple[News, datetime]]:
    """The next events for everyone, in order, each with when it was recorded.

    tokens: what is about others is left out, where they are few; None for all. with_bodies: else
    they are empty, for a body is a kilobyte.
    """
    columns = (*NEWS_COLUMNS, events.c.recorded_at, *((events.c.body,) if with_bodies else ()))
    query = (
        select(*columns)
        .where(
            events.c.sequence.between(span.first, span.last),
            events.c.audience == AudienceKind.EVERYONE,
        )
        .order_by(events.c.sequence)
        .limit(limit)
    )
    given: dict[str, object] = {}
    if tokens is not None and len(tokens) <= NAMED_TOKENS:
        named = among(events.c.token, ids_called("tokens"))
        query, given = query.where(or_(events.c.token.is_(None), named)), {"tokens": list(tokens)}
    rows = await tx.connection.execute(query, given)
    return [(news_of(row, row.body if with_bodies else b""), row.recorded_at) for row in rows]


async def bodies_of(tx: Transaction, event_ids: Sequence[str]) -> dict[str, bytes]:
    """The bytes of events, by id; what is no longer kept is not there."""
    rows = await tx.connection.execute(_BODIES, {"ids": list(event_ids)})
    return {row.id: row.body for row in rows}


_BODIES: Final = select(events.c.id, events.c.body).where(among(events.c.id, ids_called("ids")))
