"""Digests: when each endpoint's next one is due, the weeks told so far, and what a week is of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from alerts.domain.events import BAND_CHANGES, BASELINES, AudienceKind, EventType
from alerts.domain.grades import Kind
from alerts.domain.weeks import Schedule, next_occasion
from alerts.store.engine import CHUNK_ROWS, Transaction
from alerts.store.rows import record_of
from alerts.store.tables import digests, endpoints, events, grades, ratings, tokens

# What a digest looks at: all that is told of grades.
_TYPES: Final = (
    *BAND_CHANGES,
    *BASELINES,
    EventType.MOVED,
    EventType.WITHDRAWN,
    EventType.RESTATED,
    EventType.REBASED,
)
_schedules: Final = msgspec.json.Decoder(Schedule)


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """A week of an endpoint. event_id: None where nothing changed, and nothing was to be said."""

    endpoint_id: str
    period: str
    weeks: int
    scheduled_at: datetime
    from_sequence: int
    through_sequence: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class StandingRow:
    """How a token stands now, and its score (hundredths) as known at two moments."""

    token: str
    symbol: str
    name: str
    kind: Kind
    rank: int
    as_of: datetime
    withdrawn: bool
    start_score: int | None
    start_as_of: datetime | None
    end_score: int | None
    end_as_of: datetime | None


async def plan_digest(
    tx: Transaction, endpoint_id: str, digest: Mapping[str, object] | None
) -> None:
    """Set when an endpoint's next digest is due, for a schedule that is new: never in the past.

    A week that was told already is not told again, however the schedule changes.
    """
    due_at = None
    if digest is not None:
        last = await last_digest(tx, endpoint_id)
        beyond = "" if last is None else last.period
        schedule = msgspec.convert(digest, Schedule)
        due_at = next_occasion(schedule, await tx.now(), beyond=beyond).at
    await tx.connection.execute(
        update(endpoints).where(endpoints.c.id == endpoint_id).values(digest_due_at=due_at)
    )


async def find_schedule(tx: Transaction, endpoint_id: str) -> Schedule | None:
    """When an endpoint is told its digest, as it is stored; None: it is told none."""
    query = select(cast(endpoints.c.digest, Text)).where(endpoints.c.id == endpoint_id)
    stored = (await tx.connection.execute(query)).scalar_one_or_none()
    return None if stored is None else _schedules.decode(stored)


async def due_digests(tx: Transaction, now: datetime) -> list[str]:
    """Endpoints whose digest is due, or was never planned; those of one moment together."""
    due_at = endpoints.c.digest_due_at
    query = (
        select(endpoints.c.id)
        .where(endpoints.c.digest.is_not(None), or_(due_at.is_(None), due_at <= now))
        .order_by(due_at, endpoints.c.id)
    )
    return list((await tx.connection.execute(query)).scalars())


async def find_due_at(tx: Transaction, endpoint_id: str) -> datetime | None:
    """When an endpoint's next digest is due; None where none is planned."""
    query = select(endpoints.c.digest_due_at).where(endpoints.c.id == endpoint_id)
    return (await tx.connection.execute(query)).scalar_one_or_none()


async def move_due_at(
    tx: Transaction, endpoint_id: str, *, planned: datetime | None, to: datetime
) -> bool:
    """Plan the next digest; False: somebody else did since it was planned for `planned`."""
    due_at = endpoints.c.digest_due_at
    same = due_at.is_(None) if planned is None else due_at == planned
    has_digest = endpoints.c.digest.is_not(None)
    moved = await tx.connection.execute(
        update(endpoints)
        .where(endpoints.c.id == endpoint_id, has_digest, same)
        .values(digest_due_at=to)
    )
    return moved.rowcount == 1


async def last_digest(tx: Transaction, endpoint_id: str) -> DigestRecord | None:
    """The last week that an endpoint was told, or that was passed over."""
    query = (
        select(digests)
        .where(digests.c.endpoint_id == endpoint_id)
        .order_by(digests.c.period.desc())
        .limit(1)
    )
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else record_of(row, DigestRecord)


async def insert_digest(tx: Transaction, record: DigestRecord) -> None:
    """Remember a week. There is none of that endpoint and period yet."""
    await tx.connection.execute(insert(digests).values(asdict(record)))


async def last_sequence_before(tx: Transaction, moment: datetime) -> int:
    """The number of the last event recorded before a moment, 0 if none is kept."""
    query = (
        select(events.c.recorded_at)
        .where(events.c.recorded_at < moment)
        .order_by(events.c.recorded_at.desc())
        .limit(1)
    )
    # Several are recorded at once; numbers go with the time.
    last = select(func.max(events.c.sequence)).where(
        events.c.recorded_at == query.scalar_subquery()
    )
    return (await tx.connection.execute(last)).scalar_one_or_none() or 0


async def recorded_after(tx: Transaction, sequence: int) -> datetime | None:
    """When the first event numbered above this was recorded; None if there is none."""
    query = (
        select(events.c.recorded_at)
        .where(events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(1)
    )
    return (await tx.connection.execute(query)).scalar_one_or_none()


async def bodies_after(
    tx: Transaction, sequence: int, *, limit: int
) -> Sequence[tuple[int, bytes]]:
    """What was told of grades after an event number, in order: (number, payload)."""
    query = (
        select(events.c.sequence, events.c.body)
        .where(
            events.c.sequence > sequence,
            events.c.audience == AudienceKind.EVERYONE,
            events.c.type.in_(_TYPES),
        )
        .order_by(events.c.sequence)
        .limit(limit)
    )
    rows = await tx.connection.execute(query)
    return [(row.sequence, row.body) for row in rows]


async def find_standings(
    tx: Transaction, *, starts_at: datetime, ends_at: datetime
) -> list[StandingRow]:
    """All ratings held, each with what its grade was known to be just before two moments."""
    columns = (
        ratings.c.token,
        tokens.c.symbol,
        tokens.c.name,
        ratings.c.kind,
        ratings.c.rank,
        ratings.c.as_of,
        ratings.c.withdrawn,
        _known(grades.c.score, starts_at).label("start_score"),
        _known(grades.c.as_of, starts_at).label("start_as_of"),
        _known(grades.c.score, ends_at).label("end_score"),
        _known(grades.c.as_of, ends_at).label("end_as_of"),
    )
    query: Select[tuple[object, ...]] = select(*columns).join_from(
        ratings, tokens, tokens.c.id == ratings.c.token
    )
    found: list[StandingRow] = []
    for rows in (await tx.connection.execute(query)).partitions(CHUNK_ROWS):
        found += [record_of(row, StandingRow) for row in rows]
        await asyncio.sleep(0)
    return found


async def drop_digests(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` weeks due before a time, but each endpoint's last; how many."""
    newer = digests.alias("newer")
    has_newer = (
        select(newer.c.period)
        .where(newer.c.endpoint_id == digests.c.endpoint_id, newer.c.period > digests.c.period)
        .exists()
    )
    old = (
        select(digests.c.endpoint_id, digests.c.period)
        .where(digests.c.scheduled_at < before, has_newer)
        .limit(batch)
    )
    rows = (await tx.connection.execute(old)).all()
    if rows:
        going = or_(*(_is(row) for row in rows))
        await tx.connection.execute(delete(digests).where(going))
    return len(rows)


def _is(row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a row.
    return and_(digests.c.endpoint_id == row.endpoint_id, digests.c.period == row.period)


def _known(column: ColumnElement[Any], moment: datetime) -> ScalarSelect[Any]:
    """Of a rating's history, the newest line recorded before a moment: by the primary key."""
    return (
        select(column)
        .where(
            grades.c.token == ratings.c.token,
            grades.c.kind == ratings.c.kind,
            grades.c.recorded_at < moment,
        )
        .order_by(grades.c.as_of.desc(), grades.c.revision.desc())
        .limit(1)
        .correlate(ratings)
        .scalar_subquery()
    )
