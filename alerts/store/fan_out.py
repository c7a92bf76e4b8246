"""Fan-out: the duty to tell an endpoint of an event, written down."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import (
    Insert,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from alerts.domain.deliveries import EndpointState, SkipReason, State
from alerts.store.among import among, ids_called
from alerts.store.cycles import CycleRecord, CycleState, advance_fan_out
from alerts.store.endpoints import EndpointRecord, Recipient
from alerts.store.engine import CHUNK_ROWS, Transaction, insert_into
from alerts.store.events import EventRecord
from alerts.store.matching import corrections, matches, next_endpoints
from alerts.store.owing import owe_found, owed, owing
from alerts.store.subscriptions import Rule
from alerts.store.tables import cycles, deliveries, endpoints, events, lanes, subscriptions

# Endpoints told of a cycle in one transaction, and rows of those that may take all of its events.
FAN_OUT_CHUNK: Final = 5000
FAN_OUT_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction of fan-out wrote. is_last: the cycle is done."""

    endpoints: int
    deliveries: int
    is_last: bool


async def fan_out_chunk(
    tx: Transaction, record: CycleRecord, *, size: int = FAN_OUT_CHUNK
) -> Chunk | None:
    """Owe one cycle's events to the next `size` endpoints that match any, in order of id.

    None: another worker moved this cycle on meanwhile, or an earlier one of its source and kind
    is not fanned out yet, for nobody is told of a token's second event before its first. All of
    an endpoint's deliveries of the cycle are written together, and its lane is due at once,
    whoever holds it.
    """
    if await _has_earlier(tx, record):
        return None
    following = await next_endpoints(tx, record, size, wholesale=_wholesale(record, size))
    ids, is_last = following.ids, following.is_last
    after = ids[-1] if ids else record.fan_out_after
    if not await advance_fan_out(tx, record, after=after, is_last=is_last):
        return None
    if not ids:
        return Chunk(0, 0, is_last)
    await lock_lanes(tx, ids)
    given: dict[str, object] = {"cycle": record.id, "first": ids[0], "last": ids[-1]}
    if following.corrected:
        given["corrected"] = following.corrected
    statement = _owe_chunk(
        has_corrections=bool(following.corrected),
        rules=following.rules,
        also_of_tokens=following.also_of_tokens,
        is_postgresql=tx.is_postgresql,
    )
    written = await owe_found(tx, statement, given)
    await make_due(tx, ids, await tx.now(), only_active=True)
    return Chunk(len(ids), written, is_last)


@cache
def _owe_chunk(
    *,
    has_corrections: bool,
    rules: frozenset[Rule],
    also_of_tokens: bool,
    is_postgresql: bool,
) -> Insert:
    of_cycle = events.c.cycle_id == bindparam("cycle")
    is_of_chunk = subscriptions.c.endpoint_id.between(bindparam("first"), bindparam("last"))
    found = matches(of_cycle, is_of_chunk, rules=rules, also_of_tokens=also_of_tokens)
    if has_corrections:
        is_corrected = among(deliveries.c.endpoint_id, ids_called("corrected"))
        found.append(corrections(of_cycle, is_corrected))
    return owing(found, is_postgresql=is_postgresql)


async def owe_in_advance(tx: Transaction, endpoint_id: str, *, through: int) -> None:
    """Owe one endpoint what its filter wants of all that is not fanned out yet.

    For before that filter changes: the fan-out that comes by later finds its part done. The lane
    is locked already. through: the number of the last event that the old filter decides on.
    """
    waiting = select(cycles.c.id).where(cycles.c.state == CycleState.DIFFED)
    found = matches(
        events.c.cycle_id.in_(waiting),
        events.c.sequence <= through,
        subscriptions.c.endpoint_id == endpoint_id,
    )
    if await owe_found(tx, owing(found, is_postgresql=tx.is_postgresql), {}):
        await make_due(tx, [endpoint_id], await tx.now(), only_active=True)


async def owe_corrections(
    tx: Transaction, endpoint: EndpointRecord, delivery_ids: Sequence[str]
) -> None:
    """Owe an endpoint the corrections of what it is told by hand, and was not told before.

    They wait for what they correct, and live as long. The lane is locked, and due, already.
    delivery_ids: of what it is told by hand.
    """
    now = await tx.now()
    corrected = deliveries.alias("corrected")
    told = select(corrected.c.event_id).where(corrected.c.id.in_(delivery_ids))
    found = corrections(deliveries.c.endpoint_id == endpoint.id, deliveries.c.event_id.in_(told))
    await owe_found(tx, owing([found], is_postgresql=tx.is_postgresql), {})
    correcting = select(events.c.id).where(
        events.c.corrects.is_not(None), events.c.corrects.in_(told)
    )
    was_never_tried = or_(
        deliveries.c.reason == SkipReason.UNTOLD,
        and_(deliveries.c.state == State.PENDING, deliveries.c.attempts == 0),
    )
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.endpoint_id == endpoint.id,
            deliveries.c.event_id.in_(correcting),
            was_never_tried,
        )
        .values(
            state=State.PENDING,
            reason=None,
            due_at=now,
            expires_at=now + timedelta(seconds=endpoint.time_to_live_seconds),
            ended_at=None,
        )
    )


def _wholesale(record: CycleRecord, size: int) -> int:
    """How many endpoints that take everything may come at once, each owed a row an event."""
    return max(1, min(size, FAN_OUT_ROWS // max(1, record.events)))


async def cycles_to_fan_out(tx: Transaction) -> list[str]:
    """Ids of diffed cycles in the order of their events, at most 100."""
    return list((await tx.connection.execute(_WAITING)).scalars())


async def owe(
    tx: Transaction,
    pairs: Sequence[tuple[EventRecord, Recipient]],
    *,
    due_at: datetime | None = None,
) -> None:
    """Write the deliveries of these events to these endpoints and make their lanes due.

    An endpoint that is not active gets them as skipped: to be seen, and to be replayed.
    The caller has locked the lanes, in a statement before this. due_at: None is now.
    """
    if not pairs:
        return
    now = await tx.now()
    statement = insert_into(tx, deliveries).on_conflict_do_nothing()
    for start in range(0, len(pairs), CHUNK_ROWS):
        chunk = pairs[start : start + CHUNK_ROWS]
        randomness = os.urandom(10 * len(chunk))
        rows = [
            owed(
                event,
                endpoint,
                now,
                distinct=randomness[10 * place : 10 * place + 10],
                due_at=due_at,
            )
            for place, (event, endpoint) in enumerate(chunk)
        ]
        await tx.connection.execute(statement, rows)
    due = {endpoint.id for _, endpoint in pairs if endpoint.state is EndpointState.ACTIVE}
    await make_due(tx, sorted(due), now)


async def lock_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Hold these lanes to the end of the transaction, in order of id so that nobody deadlocks."""
    if tx.is_postgresql:
        await tx.connection.execute(_LOCK, {"endpoints": endpoint_ids})


async def make_due(
    tx: Transaction, endpoint_ids: Sequence[str], now: datetime, *, only_active: bool = False
) -> None:
    """Pull lanes forward to now; they are locked already. only_active: by their endpoints."""
    if only_active:
        # By themselves: in one statement PostgreSQL may look through all lanes for each endpoint.
        found = await tx.connection.execute(_ACTIVE, {"endpoints": endpoint_ids})
        endpoint_ids = list(found.scalars())
    await tx.connection.execute(_WAKE, {"endpoints": endpoint_ids, "now": now})


async def _has_earlier(tx: Transaction, record: CycleRecord) -> bool:
    given = {"cycle": record.id, "source": record.source, "kind": record.kind}
    return (await tx.connection.execute(_EARLIER, given)).first() is not None


_NOW: Final = bindparam("now", type_=lanes.c.due_at.type)
_WAKE: Final = (
    update(lanes)
    .where(
        among(lanes.c.endpoint_id, ids_called("endpoints")),
        or_(lanes.c.due_at.is_(None), lanes.c.due_at > _NOW),
    )
    .values(due_at=_NOW)
)
_ACTIVE: Final = select(endpoints.c.id).where(
    among(endpoints.c.id, ids_called("endpoints")), endpoints.c.state == EndpointState.ACTIVE
)
_OWN: Final = select(func.min(events.c.sequence)).where(events.c.cycle_id == bindparam("cycle"))
_EARLIER: Final = (
    select(cycles.c.id)
    .join_from(cycles, events, events.c.cycle_id == cycles.c.id)
    .where(
        cycles.c.state == CycleState.DIFFED,
        cycles.c.source == bindparam("source"),
        cycles.c.kind == bindparam("kind"),
        cycles.c.id != bindparam("cycle"),
        events.c.sequence < _OWN.scalar_subquery(),
    )
    .limit(1)
)
_WAITING: Final = (
    select(cycles.c.id)
    .join_from(cycles, events, events.c.cycle_id == cycles.c.id)
    .where(cycles.c.state == CycleState.DIFFED)
    .group_by(cycles.c.id)
    .order_by(func.min(events.c.sequence))
    .limit(100)
)
_LOCK: Final = select(func.count()).select_from(
    select(lanes.c.endpoint_id)
    .where(among(lanes.c.endpoint_id, ids_called("endpoints")))
    .order_by(lanes.c.endpoint_id)
    .with_for_update()
    .subquery("locked")
)
