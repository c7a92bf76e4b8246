"""The deliveries of leased lanes: reserved, begun, settled, and what a lost worker left."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Row,
    Select,
    select,
    true,
    update,
)

from alerts.domain.deliveries import State, Trigger
from alerts.store.engine import Transaction, in_chunks, insert_into
from alerts.store.queue import next_in_lane, state_of_corrected
from alerts.store.rows import record_of
from alerts.store.tables import attempts, deliveries, events, lanes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reserved delivery, with what deciding and sending need.

    attempts: before this one; status_code: what the last of them was answered with.
    is_matched: it came by a subscription, and needs one still.
    corrects: the event that it corrects; corrected: what became of that, None without a delivery.
    """

    id: str
    endpoint_id: str
    event_id: str
    sequence: int
    token: str | None
    kind: str | None
    trigger: Trigger
    due_at: datetime
    expires_at: datetime
    position: int
    attempts: int
    interruptions: int
    status_code: int | None
    event_type: str
    is_matched: bool
    notches: int | None
    size: int | None
    body: bytes
    corrects: str | None
    corrected: State | None


async def find_next(
    tx: Transaction, quotas: Sequence[tuple[str, int]], *, strict: Collection[str]
) -> list[Waiting]:
    """The next due deliveries of lanes that are locked.

    quotas: (endpoint, how many). First attempts come before retries, older events before newer.
    strict: endpoints where a newer event about a token and kind waits until the older has ended.
    """
    if not quotas:
        return []
    now = await tx.now()
    groups: dict[tuple[int, bool], list[str]] = {}
    for endpoint_id, count in quotas:
        groups.setdefault((count, endpoint_id in strict), []).append(endpoint_id)
    found: list[Waiting] = []
    for (count, is_strict), ids in groups.items():
        heads = _heads(tx, ids, count=count, now=now, is_strict=is_strict)
        rows = [_waiting(row) for row in await tx.connection.execute(heads)]
        found += _first_of_each(rows, count)
    return found


async def reserve(
    tx: Transaction, lease_id: str, delivery_ids: Sequence[str], *, is_begun: bool = False
) -> None:
    """Put our lease on deliveries that wait in lanes which are locked, and ours.

    is_begun: an attempt of each is spent, too, as `start` would.
    """
    begun = {
        "state": State.SENDING,
        "attempts": deliveries.c.attempts + 1,
        "started_at": await tx.now(),
    }
    for chunk in in_chunks(delivery_ids):
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(chunk))
            .values(lease_id=lease_id, **(begun if is_begun else {}))
        )


async def start(tx: Transaction, delivery_ids: Sequence[str], *, lease_id: str) -> int:
    """Spend an attempt of what our lease holds: a lost worker now means an interrupted attempt.

    Returns how many were begun.
    """
    if not delivery_ids:
        return 0
    begun = await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id.in_(delivery_ids),
            deliveries.c.lease_id == lease_id,
            deliveries.c.state == State.PENDING,
        )
        .values(
            state=State.SENDING,
            attempts=deliveries.c.attempts + 1,
            started_at=await tx.now(),
        )
    )
    return begun.rowcount


async def unstart(tx: Transaction, lease_id: str, delivery_ids: Sequence[str]) -> None:
    """Give back what was started and never sent, attempt and all."""
    if delivery_ids:
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id.in_(delivery_ids),
                deliveries.c.lease_id == lease_id,
                deliveries.c.state == State.SENDING,
            )
            .values(state=State.PENDING, attempts=deliveries.c.attempts - 1, lease_id=None)
        )


async def insert_attempts(tx: Transaction, rows: Sequence[dict[str, object]]) -> None:
    """Log tries: whatever else holds, they happened. One that is logged already stays."""
    if rows:
        statement = insert_into(tx, attempts).on_conflict_do_nothing(index_elements=["id"])
        await tx.connection.execute(statement, list(rows))


# What a `Waiting` is made of.
_COLUMNS: Final = (
    deliveries.c.id,
    deliveries.c.endpoint_id,
    deliveries.c.event_id,
    deliveries.c.sequence,
    deliveries.c.token,
    deliveries.c.kind,
    deliveries.c.trigger,
    deliveries.c.due_at,
    deliveries.c.expires_at,
    deliveries.c.position,
    deliveries.c.attempts,
    deliveries.c.interruptions,
    deliveries.c.status_code,
    events.c.type.label("event_type"),
    (events.c.type_bit != 0).label("is_matched"),
    events.c.notches,
    events.c.size,
    events.c.body,
    deliveries.c.corrects,
    state_of_corrected(deliveries).label("corrected"),
)


def _heads(
    tx: Transaction, endpoint_ids: Sequence[str], *, count: int, now: datetime, is_strict: bool
) -> Select[tuple[object, ...]]:
    """The heads of each lane's two lines, at most `count` of either."""
    first = next_in_lane(count=count, now=now, is_strict=is_strict)
    # PostgreSQL plans LATERAL well and a correlated IN badly; SQLite has only the latter.
    if tx.is_postgresql:
        lateral = first.lateral("first")
        joined = lanes.join(lateral, true()).join(deliveries, deliveries.c.id == lateral.c.id)
    else:
        joined = lanes.join(deliveries, deliveries.c.id.in_(first))
    return (
        select(*_COLUMNS)
        .select_from(joined.join(events, events.c.id == deliveries.c.event_id))
        .where(lanes.c.endpoint_id.in_(endpoint_ids))
    )


def _first_of_each(rows: Iterable[Waiting], count: int) -> list[Waiting]:
    """The first `count` of each lane: first attempts by event, then all else by due time."""
    lines: dict[str, list[Waiting]] = {}
    for waiting in sorted(rows, key=_place):
        line = lines.setdefault(waiting.endpoint_id, [])
        if len(line) < count:
            line.append(waiting)
    return [waiting for line in lines.values() for waiting in line]


def _place(waiting: Waiting) -> tuple[bool, datetime | int, int]:
    if waiting.position == 0 and waiting.trigger is Trigger.SCHEDULE:
        return (False, waiting.sequence, 0)
    return (True, waiting.due_at, waiting.sequence)


def _waiting(row: Row[tuple[object, ...]]) -> Waiting:
    return record_of(row, Waiting)
