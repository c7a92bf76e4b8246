"""Sweeps, their pages, and how each source stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, delete, func, insert, or_, select, update

from alerts.domain.grades import Kind, SourceName
from alerts.ports import SourceState
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import source_states, sweep_pages, sweeps


class SweepState(StrEnum):
    """fetching → done | failed."""

    FETCHING = "fetching"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A sweep under way. as_of: of rows that carry no date. failures: in a row, of one page."""

    id: str
    source: SourceName
    kind: Kind
    as_of: datetime
    next_page: int
    failures: int
    not_before: datetime
    started_at: datetime


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """How one kind of a source stands, and since when.

    clock_skew_seconds: how far its clock was ahead of ours, when it last said what time it is.
    """

    source: SourceName
    kind: Kind
    state: SourceState
    since: datetime
    detail: str | None
    checked_at: datetime
    announced: bool
    clock_skew_seconds: int | None = None


async def open_sweep(tx: Transaction, source: SourceName, kind: Kind) -> SweepRecord | None:
    """The sweep under way, if there is one."""
    columns = sweeps.c
    query = select(
        columns.id,
        columns.as_of,
        columns.next_page,
        columns.failures,
        columns.not_before,
        columns.started_at,
    ).where(columns.source == source, columns.kind == kind, columns.state == SweepState.FETCHING)
    row = (await tx.connection.execute(query)).one_or_none()
    if row is None:
        return None
    return SweepRecord(row[0], source, kind, *row[1:])


async def last_sweep_as_of(tx: Transaction, source: SourceName, kind: Kind) -> datetime | None:
    """The slot of the newest sweep, whatever became of it."""
    query = select(func.max(sweeps.c.as_of, type_=sweeps.c.as_of.type)).where(
        sweeps.c.source == source, sweeps.c.kind == kind
    )
    newest: datetime | None = (await tx.connection.execute(query)).scalar_one_or_none()
    return newest


async def begin_sweep(
    tx: Transaction,
    sweep_id: str,
    *,
    source: SourceName,
    kind: Kind,
    as_of: datetime,
    failures: int = 0,
    not_before: datetime | None = None,
) -> bool:
    """Begin a sweep, at once or where the one before it left off; False if one is under way."""
    now = await tx.now()
    statement = insert_into(tx, sweeps).values(
        id=sweep_id,
        source=source,
        kind=kind,
        as_of=as_of,
        state=SweepState.FETCHING,
        next_page=1,
        failures=failures,
        not_before=not_before or now,
        started_at=now,
    )
    begun = await tx.connection.execute(statement.on_conflict_do_nothing())
    return begun.rowcount == 1


async def lease_sweep(tx: Transaction, sweep_id: str, lease: timedelta) -> bool:
    """Take a sweep for one page; False if it is being fetched or must wait."""
    now = await tx.now()
    columns = sweeps.c
    taken = await tx.connection.execute(
        update(sweeps)
        .where(
            columns.id == sweep_id,
            columns.state == SweepState.FETCHING,
            columns.not_before <= now,
            or_(columns.lease_until.is_(None), columns.lease_until <= now),
        )
        .values(lease_until=now + lease)
    )
    return taken.rowcount == 1


async def keep_page(tx: Transaction, sweep: SweepRecord, body: bytes) -> bool:
    """Store the page just fetched and go to the next; False if somebody else did, or ended it."""
    moved = await tx.connection.execute(
        update(sweeps)
        .where(
            sweeps.c.id == sweep.id,
            sweeps.c.state == SweepState.FETCHING,
            sweeps.c.next_page == sweep.next_page,
        )
        .values(next_page=sweep.next_page + 1, failures=0, lease_until=None)
    )
    if moved.rowcount != 1:
        return False
    page = {
        "sweep_id": sweep.id,
        "page": sweep.next_page,
        "body": body,
        "fetched_at": await tx.now(),
    }
    await tx.connection.execute(insert(sweep_pages), [page])
    return True


async def postpone_sweep(
    tx: Transaction, sweep_id: str, *, failures: int, not_before: datetime
) -> None:
    """A page did not come: leave the sweep where it is until then."""
    await tx.connection.execute(
        update(sweeps)
        .where(sweeps.c.id == sweep_id)
        .values(failures=failures, not_before=not_before, lease_until=None)
    )


async def end_sweep(tx: Transaction, sweep_id: str, state: SweepState) -> bool:
    """End a sweep and forget its pages; False if it has ended, or a page is being fetched."""
    now = await tx.now()
    columns = sweeps.c
    ended = await tx.connection.execute(
        update(sweeps)
        .where(
            columns.id == sweep_id,
            columns.state == SweepState.FETCHING,
            or_(columns.lease_until.is_(None), columns.lease_until <= now),
        )
        .values(state=state, ended_at=now, lease_until=None)
    )
    if ended.rowcount != 1:
        return False
    await tx.connection.execute(delete(sweep_pages).where(sweep_pages.c.sweep_id == sweep_id))
    return True


async def load_pages(tx: Transaction, sweep_id: str) -> list[bytes]:
    """The pages of a sweep as they came, in order."""
    query = (
        select(sweep_pages.c.body)
        .where(sweep_pages.c.sweep_id == sweep_id)
        .order_by(sweep_pages.c.page)
    )
    return list((await tx.connection.execute(query)).scalars())


async def last_page_at(tx: Transaction, sweep_id: str) -> datetime | None:
    """When the newest page of a sweep came."""
    fetched_at = sweep_pages.c.fetched_at
    query = select(func.max(fetched_at, type_=fetched_at.type)).where(
        sweep_pages.c.sweep_id == sweep_id
    )
    newest: datetime | None = (await tx.connection.execute(query)).scalar_one_or_none()
    return newest


async def set_state(
    tx: Transaction,
    source: SourceName,
    kind: Kind,
    *,
    state: SourceState,
    detail: str | None,
    clock_skew_seconds: int | None = None,
) -> SourceRecord:
    """Record how a source's kind stands; `since` and `announced` stay while the state does.

    clock_skew_seconds: None leaves what was known.
    """
    known = await find_state(tx, source, kind)
    now = await tx.now()
    same = known is not None and known.state is state
    record = SourceRecord(
        source=source,
        kind=kind,
        state=state,
        since=known.since if known is not None and same else now,
        detail=detail,
        checked_at=now,
        announced=known.announced if known is not None else False,
        clock_skew_seconds=_either(clock_skew_seconds, known),
    )
    values = {
        "state": record.state,
        "since": record.since,
        "detail": record.detail,
        "checked_at": record.checked_at,
        "clock_skew_seconds": record.clock_skew_seconds,
    }
    statement = insert_into(tx, source_states).values(
        source=source, kind=kind, announced=False, **values
    )
    await tx.connection.execute(
        statement.on_conflict_do_update(index_elements=["source", "kind"], set_=values)
    )
    return record


async def set_announced(
    tx: Transaction, source: SourceName, kind: Kind, *, announced: bool
) -> bool:
    """Note that the operator was told of trouble, or of its end; False if it was noted already."""
    columns = source_states.c
    noted = await tx.connection.execute(
        update(source_states)
        .where(and_(columns.source == source, columns.kind == kind, columns.announced != announced))
        .values(announced=announced)
    )
    return noted.rowcount == 1


async def find_state(tx: Transaction, source: SourceName, kind: Kind) -> SourceRecord | None:
    """How one kind of a source stands."""
    rows = await list_states(tx)
    return next((row for row in rows if row.source == source and row.kind is kind), None)


async def list_states(tx: Transaction) -> list[SourceRecord]:
    """How every source stands."""
    columns = source_states.c
    query = select(
        columns.source,
        columns.kind,
        columns.state,
        columns.since,
        columns.detail,
        columns.checked_at,
        columns.announced,
        columns.clock_skew_seconds,
    ).order_by(columns.source, columns.kind)
    return [
        SourceRecord(row[0], Kind(row[1]), SourceState(row[2]), *row[3:])
        for row in await tx.connection.execute(query)
    ]


def _either(skew_seconds: int | None, known: SourceRecord | None) -> int | None:
    if skew_seconds is not None or known is None:
        return skew_seconds
    return known.clock_skew_seconds
