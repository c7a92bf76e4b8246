"""Events: numbered in the order in which they are committed, without holes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, and_, bindparam, case, func, insert, or_, select, update

from alerts.domain.events import (
    MATCHED,
    AudienceKind,
    Crossing,
    Draft,
    EventType,
    Window,
    encode,
)
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import EventFacts, Filter
from alerts.store.among import among, ids_called
from alerts.store.counters import read_counter
from alerts.store.engine import CHUNK_ROWS, Transaction
from alerts.store.many import insert_many
from alerts.store.rows import record_of
from alerts.store.tables import counters, endpoints, events

COUNTER: Final = "events"
DROPPED: Final = "events_dropped"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A durable event. body: the bytes that everybody is sent."""

    id: str
    sequence: int
    type: EventType
    audience: AudienceKind
    audience_id: str | None
    kind: Kind | None
    token: TokenId | None
    cycle_id: str | None
    notches: int | None
    size: int | None
    crossed_from: int | None
    crossed_to: int | None
    within: Window | None
    other_score: int | None
    at: datetime
    recorded_at: datetime
    body: bytes

    @property
    def facts(self) -> EventFacts:
        """What matching looks at."""
        about = (self.type, self.token, self.kind, self.notches, self.size)
        crossed = Crossing.between(self.crossed_from, self.crossed_to)
        return EventFacts(self.sequence, *about, crossed, self.other_score, self.within)


async def append(
    tx: Transaction, drafts: Sequence[Draft], *, cycle_id: str | None = None
) -> list[EventRecord]:
    """Number these events and make them durable; one that is there already is left out.

    Takes the counter's lock, which is held to commit: call it last of all that takes locks.
    """
    known = await _known(tx, [draft.id for draft in drafts])
    fresh = [draft for draft in drafts if draft.id not in known]
    if not fresh:
        return []
    now = await tx.now()
    numbered = await tx.connection.execute(_NUMBER, {"many": len(fresh), "now": now})
    value, recorded_at = numbered.one()
    records: list[EventRecord] = []
    for start in range(0, len(fresh), CHUNK_ROWS):
        chunk = fresh[start : start + CHUNK_ROWS]
        first = value - len(fresh) + 1 + start
        made = [
            _record_of(draft, sequence, recorded_at, cycle_id=cycle_id)
            for sequence, draft in enumerate(chunk, start=first)
        ]
        rows = (_row_of(record, draft) for record, draft in zip(made, chunk, strict=True))
        await insert_many(tx, _INSERT, rows)
        records += made
    return records


async def current_sequence(tx: Transaction) -> int:
    """The number of the last committed event, 0 before the first."""
    query = select(counters.c.value).where(counters.c.name == COUNTER)
    value: int = (await tx.connection.execute(query)).scalar_one()
    return value


async def find_event(tx: Transaction, event_id: str, *, app_id: str | None) -> EventRecord | None:
    """An event by id. app_id: only if it is for everyone, this app or one of its endpoints."""
    query = select_events(app_id).where(events.c.id == event_id)
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else event_of(row)


async def list_events(
    tx: Transaction,
    *,
    after: int,
    limit: int,
    app_id: str | None,
    event_type: str | None = None,
    token: str | None = None,
    kind: str | None = None,
) -> list[EventRecord]:
    """The feed: events numbered above `after`, in order. app_id: None sees everything."""
    query = select_events(app_id).where(events.c.sequence > after).order_by(events.c.sequence)
    query = _narrowed(query, event_type=event_type, token=token, kind=kind)
    return [event_of(row) for row in await tx.connection.execute(query.limit(limit))]


async def newest_events(
    tx: Transaction,
    *,
    before: int | None,
    limit: int,
    app_id: str | None,
    event_type: str | None = None,
    token: str | None = None,
    kind: str | None = None,
) -> list[EventRecord]:
    """The same backwards, for people: events numbered below `before`, the newest first."""
    query = select_events(app_id).order_by(events.c.sequence.desc())
    query = _narrowed(query, event_type=event_type, token=token, kind=kind)
    if before is not None:
        query = query.where(events.c.sequence < before)
    return [event_of(row) for row in await tx.connection.execute(query.limit(limit))]


async def count_types(tx: Transaction, cycle_id: str) -> dict[EventType, int]:
    """How many events of each type a cycle brought, the most frequent first."""
    many = func.count()
    query = (
        select(events.c.type, many)
        .where(events.c.cycle_id == cycle_id)
        .group_by(events.c.type)
        .order_by(many.desc(), events.c.type)
    )
    return {EventType(row[0]): row[1] for row in await tx.connection.execute(query)}


async def dropped_through(tx: Transaction) -> int:
    """The highest number that is no longer kept, 0 while all are."""
    return await read_counter(tx, DROPPED)


async def last_band_change(tx: Transaction, *, token: TokenId | None = None) -> EventRecord | None:
    """The newest change of band anybody was told. token: of this one; None is of any."""
    query = select_events(None).where(events.c.type.in_((EventType.UPGRADED, EventType.DOWNGRADED)))
    if token is not None:
        query = query.where(events.c.token == token, events.c.kind.in_(list(Kind)))
    return await _newest(tx, query)


async def last_by_rule(tx: Transaction, token: TokenId, wanted: Filter) -> EventRecord | None:
    """The newest event of a token that is of a rule such as these, whatever score or size."""
    kind, event_type = events.c.kind, events.c.type
    asked = [and_(kind == each.kind, event_type == EventType.CROSSED) for each in wanted.thresholds]
    for each in wanted.windows:
        sides = ((EventType.ROSE, each.rise), (EventType.FELL, each.fall))
        types = [side for side, size in sides if size is not None]
        asked.append(and_(kind == each.kind, event_type.in_(types), events.c.within == each.window))
    if not asked:
        return None
    query = select_events(None).where(events.c.token == token, kind.in_(list(Kind)), or_(*asked))
    return await _newest(tx, query)


async def _newest(tx: Transaction, query: Select[tuple[object, ...]]) -> EventRecord | None:
    row = (
        await tx.connection.execute(query.order_by(events.c.sequence.desc()).limit(1))
    ).one_or_none()
    return None if row is None else event_of(row)


async def _known(tx: Transaction, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), 1000):
        found = await tx.connection.execute(_KNOWN, {"ids": ids[start : start + 1000]})
        known.update(found.scalars())
    return known


_INSERT: Final = insert(events)
_KNOWN: Final = select(events.c.id).where(among(events.c.id, ids_called("ids")))
_LAST: Final = counters.c.recorded_at
_NOW: Final = bindparam("now", type_=_LAST.type)
_NUMBER: Final = (
    update(counters)
    .where(counters.c.name == COUNTER)
    .values(
        value=counters.c.value + bindparam("many", type_=counters.c.value.type),
        recorded_at=case((_LAST > _NOW, _LAST), else_=_NOW),
    )
    .returning(counters.c.value, _LAST)
)


def select_events(app_id: str | None) -> Select[tuple[object, ...]]:
    """Events in no order; app_id: those that this app may see, None for all."""
    query = select(*(events.c[field.name] for field in fields(EventRecord)))
    if app_id is None:
        return query
    own = select(endpoints.c.id).where(endpoints.c.app_id == app_id)
    return query.where(
        or_(
            events.c.audience == AudienceKind.EVERYONE,
            and_(events.c.audience == AudienceKind.APP, events.c.audience_id == app_id),
            and_(events.c.audience == AudienceKind.ENDPOINT, events.c.audience_id.in_(own)),
        )
    )


def _narrowed(
    query: Select[tuple[object, ...]],
    *,
    event_type: str | None,
    token: str | None,
    kind: str | None,
) -> Select[tuple[object, ...]]:
    conditions = ((events.c.type, event_type), (events.c.token, token), (events.c.kind, kind))
    for column, value in conditions:
        if value is not None:
            query = query.where(column == value)
    return query


def event_of(row: Row[tuple[object, ...]]) -> EventRecord:
    """From a row of `select_events`."""
    return record_of(row, EventRecord)


def _record_of(
    draft: Draft, sequence: int, recorded_at: datetime, *, cycle_id: str | None
) -> EventRecord:
    crossed_from, crossed_to = draft.crossed or (None, None)
    return EventRecord(
        id=draft.id,
        sequence=sequence,
        type=draft.type,
        audience=draft.audience.kind,
        audience_id=draft.audience.id,
        kind=draft.kind,
        token=draft.token,
        cycle_id=cycle_id,
        notches=draft.notches,
        size=draft.size,
        crossed_from=crossed_from,
        crossed_to=crossed_to,
        within=draft.window,
        other_score=draft.other_score,
        at=draft.at,
        recorded_at=recorded_at,
        body=encode(draft, sequence=sequence, recorded_at=recorded_at),
    )


def _row_of(record: EventRecord, draft: Draft) -> dict[str, object]:
    is_matched = record.type in MATCHED
    return {
        "id": record.id,
        "sequence": record.sequence,
        "type": record.type,
        "type_bit": 1 << MATCHED.index(record.type) if is_matched else 0,
        "audience": record.audience,
        "audience_id": record.audience_id,
        "source": draft.source,
        "kind": record.kind,
        "token": record.token,
        "cycle_id": record.cycle_id,
        "notches": record.notches,
        "size": record.size,
        "crossed_from": record.crossed_from,
        "crossed_to": record.crossed_to,
        "within": record.within,
        "other_score": record.other_score,
        "at": record.at,
        "recorded_at": record.recorded_at,
        "body": record.body,
        "corrects": draft.corrects,
        "owed_after": "" if record.audience is AudienceKind.APP else None,
    }
