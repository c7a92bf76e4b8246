"""Cycles and watermarks: what was received, held, diffed and told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, String, bindparam, insert, select, update

from alerts.domain.grades import Cycle, Kind, SourceName
from alerts.domain.ratings import HoldReason, graded_count
from alerts.domain.readings import RejectedRow, printable
from alerts.store.engine import Transaction
from alerts.store.rows import record_of
from alerts.store.tables import cycles, rejected_rows

# Rejected rows kept one by one; past that they are only counted.
REJECTED_KEPT: Final = 1000


class CycleState(StrEnum):
    """received → sealed → diffed → done, or held (→ sealed | discarded)."""

    RECEIVED = "received"
    SEALED = "sealed"
    DIFFED = "diffed"
    DONE = "done"
    HELD = "held"
    DISCARDED = "discarded"


class Origin(StrEnum):
    """How a cycle came in."""

    POLL = "poll"
    PUSH = "push"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """A cycle as the log shows it. tokens: rows read; graded: those with a score."""

    id: str
    source: SourceName
    kind: Kind
    as_of: datetime
    origin: Origin
    complete: bool
    state: CycleState
    hold_reason: HoldReason | None
    tokens: int
    graded: int
    rejected: int
    events: int
    fan_out_after: str | None
    received_at: datetime
    diffed_at: datetime | None
    done_at: datetime | None


async def insert_cycle(
    tx: Transaction,
    cycle_id: str,
    cycle: Cycle,
    *,
    origin: Origin,
    rejected: Sequence[RejectedRow],
) -> CycleRecord:
    """Keep a cycle as received; its rows are to be kept besides, or diffed at once."""
    row: dict[str, Any] = {
        "id": cycle_id,
        "source": cycle.source,
        "kind": cycle.kind,
        "as_of": cycle.as_of,
        "origin": origin,
        "complete": cycle.complete,
        "state": CycleState.RECEIVED,
        "tokens": len(cycle.grades),
        "graded": graded_count(cycle),
        "rejected": len(rejected),
        "events": 0,
        "received_at": await tx.now(),
    }
    await tx.connection.execute(_INSERT, [row])
    if rejected:
        await _keep_rejected(tx, cycle_id, rejected)
    return CycleRecord(**row, hold_reason=None, fan_out_after=None, diffed_at=None, done_at=None)


async def find_cycle(tx: Transaction, cycle_id: str) -> CycleRecord | None:
    """A cycle by its id."""
    row = (await tx.connection.execute(_FIND, {"of_id": cycle_id})).one_or_none()
    return None if row is None else _record(row)


async def open_cycles(tx: Transaction, *states: CycleState) -> list[str]:
    """Ids of cycles in these states, those received first first, at most 100.

    Of one reading, whose cycles were received at once, the newest date comes first: ids say
    nothing of that.
    """
    columns = cycles.c
    query = (
        select(columns.id)
        .where(columns.state.in_(states))
        .order_by(columns.received_at, columns.as_of.desc(), columns.id)
        .limit(100)
    )
    return list((await tx.connection.execute(query)).scalars())


async def list_cycles(
    tx: Transaction,
    *,
    before: str | None,
    limit: int,
    source: str | None = None,
    kind: str | None = None,
    state: str | None = None,
) -> list[CycleRecord]:
    """Cycles newest first, those with an id below `before`."""
    query = select(cycles).order_by(cycles.c.id.desc()).limit(limit)
    for column, value in (
        (cycles.c.source, source),
        (cycles.c.kind, kind),
        (cycles.c.state, state),
    ):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(cycles.c.id < before)
    return [_record(row) for row in await tx.connection.execute(query)]


async def list_rejected(tx: Transaction, cycle_id: str) -> list[RejectedRow]:
    """The rows a cycle left out, in order; at most REJECTED_KEPT of them are kept."""
    query = (
        select(rejected_rows.c.row, rejected_rows.c.token_id, rejected_rows.c.problem)
        .where(rejected_rows.c.cycle_id == cycle_id)
        .order_by(rejected_rows.c.row)
    )
    return [RejectedRow(*row) for row in await tx.connection.execute(query)]


async def move_cycle(
    tx: Transaction, cycle_id: str, *, expected: Sequence[CycleState], to: CycleState
) -> bool:
    """Change a cycle's state if it is still as expected; False: somebody else was first."""
    statement = (
        update(cycles).where(cycles.c.id == cycle_id, cycles.c.state.in_(expected)).values(state=to)
    )
    return (await tx.connection.execute(statement)).rowcount == 1


async def hold_cycle(tx: Transaction, cycle_id: str, reason: HoldReason) -> None:
    """Set a cycle aside, rows and all, until somebody releases or discards it."""
    await tx.connection.execute(
        update(cycles)
        .where(cycles.c.id == cycle_id)
        .values(state=CycleState.HELD, hold_reason=reason)
    )


async def finish_diff(tx: Transaction, cycle_id: str, *, events: int) -> None:
    """A cycle is diffed: its events wait to be fanned out."""
    now = await tx.now()
    state, done_at = (CycleState.DIFFED, None) if events else (CycleState.DONE, now)
    values = {"of_id": cycle_id, "to_state": state, "to_events": events}
    await tx.connection.execute(_FINISH, {**values, "to_diffed_at": now, "to_done_at": done_at})


async def advance_fan_out(
    tx: Transaction, record: CycleRecord, *, after: str | None, is_last: bool
) -> bool:
    """Move a cycle's fan-out checkpoint on; False: another worker did, leave it to that one.

    Called first in the transaction, so that the row's lock orders the workers.
    """
    values: dict[str, object] = {
        "of_id": record.id,
        "of_after": record.fan_out_after,
        "to_after": after,
        "to_state": CycleState.DIFFED,
        "to_done_at": None,
    }
    if is_last:
        # Once it is done it names no endpoint: that one may be deleted.
        done = {"to_after": None, "to_state": CycleState.DONE, "to_done_at": await tx.now()}
        values |= done
    return (await tx.connection.execute(_ADVANCE, values)).rowcount == 1


async def next_cycles_as_of(
    tx: Transaction, source: SourceName, kind: Kind, *, after: datetime, most: int
) -> list[datetime]:
    """The `as_of` of the next accepted cycles later than `after`, in order, each once."""
    query = (
        select(cycles.c.as_of)
        .where(
            cycles.c.source == source,
            cycles.c.kind == kind,
            cycles.c.as_of > after,
            cycles.c.state.in_((CycleState.DIFFED, CycleState.DONE)),
        )
        .distinct()
        .order_by(cycles.c.as_of)
        .limit(most)
    )
    return list((await tx.connection.execute(query)).scalars())


async def _keep_rejected(tx: Transaction, cycle_id: str, rejected: Sequence[RejectedRow]) -> None:
    kept = {reject.row: reject for reject in reversed(rejected[:REJECTED_KEPT])}
    await tx.connection.execute(
        insert(rejected_rows),
        [
            {
                "cycle_id": cycle_id,
                "row": reject.row,
                "token_id": reject.token_id and printable(reject.token_id[:120]),
                "problem": printable(reject.problem),
            }
            for reject in kept.values()
        ],
    )


def _record(row: Row[tuple[object, ...]]) -> CycleRecord:
    return record_of(row, CycleRecord)


_COLUMNS: Final = cycles.c
_INSERT: Final = insert(cycles)
_OF_ONE: Final = update(cycles).where(_COLUMNS.id == bindparam("of_id"))
_FIND: Final = select(cycles).where(_COLUMNS.id == bindparam("of_id"))
_FINISH: Final = _OF_ONE.values(
    state=bindparam("to_state"),
    events=bindparam("to_events"),
    diffed_at=bindparam("to_diffed_at", type_=_COLUMNS.diffed_at.type),
    done_at=bindparam("to_done_at", type_=_COLUMNS.done_at.type),
)
_ADVANCE: Final = _OF_ONE.where(
    _COLUMNS.state == CycleState.DIFFED,
    _COLUMNS.fan_out_after.is_not_distinct_from(bindparam("of_after", type_=String)),
).values(
    state=bindparam("to_state"),
    fan_out_after=bindparam("to_after"),
    done_at=bindparam("to_done_at", type_=_COLUMNS.done_at.type),
)
