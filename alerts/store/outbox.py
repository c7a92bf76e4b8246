"""The deliveries of leased lanes: reserved, begun, settled, and what a lost worker left."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    Integer,
    Row,
    Select,
    bindparam,
    case,
    select,
    true,
    update,
)

from alerts.domain.deliveries import DeferredReason, State, Trigger
from alerts.domain.events import Crossing, EventType, Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import EventFacts
from alerts.store.among import among, ids_called
from alerts.store.engine import OR_FAIL, Transaction
from alerts.store.queue import next_in_lane, state_of_corrected
from alerts.store.tables import deliveries, events, lanes


class News(msgspec.Struct, frozen=True):
    """An event, with what deciding and sending need of it: one for all that it is owed to.

    is_matched: what it is owed by is a subscription, and needs one still.
    corrects: the event that it corrects. cycle_id: of the cycle that brought it, if one did.
    """

    id: str
    facts: EventFacts
    is_matched: bool
    body: bytes
    corrects: str | None
    cycle_id: str | None


class Waiting(msgspec.Struct, frozen=True):
    """A reserved delivery, with what deciding and sending need.

    attempts: before this one; status_code: what the last of them was answered with.
    corrected: what became of what it corrects, None without a delivery.
    deferred_reason: why it waited until it was due, where that was wanted.
    """

    id: str
    endpoint_id: str
    news: News
    trigger: Trigger
    due_at: datetime
    expires_at: datetime
    position: int
    attempts: int
    interruptions: int
    status_code: int | None
    deferred_reason: DeferredReason | None
    corrected: State | None


async def find_next(
    tx: Transaction,
    quotas: Mapping[str, int],
    *,
    strict: Collection[str],
    newest_first: bool = False,
) -> list[Waiting]:
    """The next due deliveries of lanes that are locked.

    quotas: how many, by endpoint. First attempts come before retries, older events before newer.
    strict: endpoints where a newer event about a token and kind waits until the older has ended.
    newest_first: where more waits than that, of first attempts the newest events are read.
    """
    if not quotas:
        return []
    given = {"now": await tx.now(), "most": max(quotas.values())}
    lines: dict[str, list[_Head]] = {}
    for is_strict in (False, True):
        ids = [one for one in quotas if (one in strict) is is_strict]
        if ids:
            query = _heads(
                is_postgresql=tx.is_postgresql, is_strict=is_strict, newest_first=newest_first
            )
            for head in map(
                _Head._make, await tx.connection.execute(query, given | {"lanes": ids})
            ):
                lines.setdefault(head.endpoint_id, []).append(head)
    found = [
        head
        for endpoint_id, line in lines.items()
        for head in sorted(line, key=_place)[: quotas[endpoint_id]]
    ]
    news = await read_news(tx, {head.event_id for head in found})
    return [_waiting(head, news[head.event_id]) for head in found if head.event_id in news]


async def reserve(
    tx: Transaction, delivery_ids: Collection[str], *, is_begun: bool = False
) -> None:
    """Put their lane's lease on deliveries that wait in lanes which are locked, and ours.

    is_begun: an attempt of each is spent, too, as `start` would.
    """
    if is_begun:
        await tx.connection.execute(_BEGIN, {"ids": delivery_ids, "now": await tx.now()})
    else:
        await tx.connection.execute(_RESERVE, {"ids": delivery_ids})


async def start(tx: Transaction, delivery_ids: Collection[str], *, lease_id: str) -> int:
    """Spend an attempt of what our lease holds: a lost worker now means an interrupted attempt.

    Returns how many were begun.
    """
    given = {"ids": delivery_ids, "leases": [lease_id], "now": await tx.now()}
    return (await tx.connection.execute(_START, given)).rowcount


async def unstart(
    tx: Transaction, delivery_ids: Collection[str], *, lease_ids: Collection[str]
) -> None:
    """Give back what was started under these leases and never sent, attempt and all."""
    await tx.connection.execute(_UNSTART, {"ids": delivery_ids, "leases": lease_ids})


_NAMED: Final = (
    update(deliveries)
    .prefix_with(OR_FAIL, dialect="sqlite")
    .where(among(deliveries.c.id, ids_called("ids")))
)
_HELD: Final = _NAMED.where(among(deliveries.c.lease_id, ids_called("leases")))
_BEGUN: Final = {
    "state": State.SENDING,
    "attempts": deliveries.c.attempts + 1,
    "started_at": bindparam("now", type_=deliveries.c.started_at.type),
}
_RESERVE: Final = _NAMED.values(
    lease_id=select(lanes.c.lease_id)
    .where(lanes.c.endpoint_id == deliveries.c.endpoint_id)
    .scalar_subquery()
)
_BEGIN: Final = _RESERVE.values(_BEGUN)
_START: Final = _HELD.where(deliveries.c.state == State.PENDING).values(_BEGUN)
_UNSTART: Final = _HELD.where(deliveries.c.state == State.SENDING).values(
    state=State.PENDING, attempts=deliveries.c.attempts - 1, lease_id=None
)
NEWS_COLUMNS: Final = (
    events.c.id,
    events.c.sequence,
    events.c.type,
    events.c.token,
    events.c.kind,
    (events.c.type_bit != 0).label("is_matched"),
    events.c.notches,
    events.c.size,
    events.c.crossed_from,
    events.c.crossed_to,
    events.c.within,
    events.c.other_score,
    events.c.corrects,
    events.c.cycle_id,
)
_NEWS: Final = select(*NEWS_COLUMNS, events.c.body).where(among(events.c.id, ids_called("ids")))


async def read_news(tx: Transaction, event_ids: Collection[str]) -> dict[str, News]:
    """Events by id. Each is read once: a body is a kilobyte, and goes to many."""
    if not event_ids:
        return {}
    rows = await tx.connection.execute(_NEWS, {"ids": event_ids})
    return {row.id: news_of(row, row.body) for row in rows}


def news_of(row: Row[Any], body: bytes) -> News:
    """From a row of NEWS_COLUMNS."""
    facts = EventFacts(
        sequence=row.sequence,
        type=EventType(row.type),
        token=None if row.token is None else TokenId(row.token),
        kind=None if row.kind is None else Kind(row.kind),
        notches=row.notches,
        size=row.size,
        crossed=Crossing.between(row.crossed_from, row.crossed_to),
        other_score=row.other_score,
        window=None if row.within is None else Window(row.within),
    )
    return News(row.id, facts, bool(row.is_matched), body, row.corrects, row.cycle_id)


class _Head(NamedTuple):
    """What a `Waiting` is made of, its news aside, column by column."""

    id: str
    endpoint_id: str
    event_id: str
    sequence: int
    trigger: str
    due_at: datetime
    expires_at: datetime
    position: int
    attempts: int
    interruptions: int
    status_code: int | None
    deferred_reason: str | None
    corrected: str | None


_CORRECTED: Final = case((deliveries.c.corrects.is_not(None), state_of_corrected(deliveries)))
_COLUMNS: Final = (*(deliveries.c[name] for name in _Head._fields[:-1]), _CORRECTED)


@cache
def _heads(*, is_postgresql: bool, is_strict: bool, newest_first: bool) -> Select[Any]:
    """The heads of each lane's two lines, at most `most` of either. lanes: whose."""
    now = bindparam("now", type_=deliveries.c.due_at.type)
    most = bindparam("most", type_=Integer)
    first = next_in_lane(most=most, now=now, is_strict=is_strict, newest_first=newest_first)
    # PostgreSQL plans LATERAL well and a correlated IN badly; SQLite has only the latter.
    if is_postgresql:
        lateral = first.lateral("first")
        joined = lanes.join(lateral, true()).join(deliveries, deliveries.c.id == lateral.c.id)
    else:
        joined = lanes.join(deliveries, deliveries.c.id.in_(first))
    return (
        select(*_COLUMNS).select_from(joined).where(among(lanes.c.endpoint_id, ids_called("lanes")))
    )


def _place(head: _Head) -> tuple[bool, datetime | int, int]:
    """First attempts by event, then all else by due time."""
    if head.position == 0 and head.trigger == Trigger.SCHEDULE:
        return (False, head.sequence, 0)
    return (True, head.due_at, head.sequence)


def _waiting(head: _Head, news: News) -> Waiting:
    return Waiting(
        head.id,
        head.endpoint_id,
        news,
        _TRIGGERS[head.trigger],
        head.due_at,
        head.expires_at,
        head.position,
        head.attempts,
        head.interruptions,
        head.status_code,
        None if head.deferred_reason is None else DeferredReason(head.deferred_reason),
        None if head.corrected is None else State(head.corrected),
    )


_TRIGGERS: Final = {trigger.value: trigger for trigger in Trigger}
