"""Lanes: the queue of one endpoint's deliveries, leased by one worker at a time.

A transaction that changes lanes locks them first, in a statement of its own and in order of
endpoint, and reads their deliveries only in later statements: a statement that waited for a lock
sees the other rows as they were before the wait.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import (
    Integer,
    Update,
    and_,
    bindparam,
    cast,
    or_,
    select,
    update,
)

from alerts.domain.deliveries import Order, State
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.queue import due_of_lane, is_later
from alerts.store.tables import deliveries, endpoints, lanes


@dataclass(frozen=True, slots=True)
class LeasedLane:
    """A lane now held. lost_lease: of a worker that was lost while it held this lane.

    is_open: its endpoint's breaker is, and what is sent next is the probe.
    """

    endpoint_id: str
    lost_lease: str | None
    is_open: bool
    pool: str | None
    rate_limit: float | None
    order: Order


class NextDue(NamedTuple):
    """When a lane next wants a worker, and the pool it is in, if any."""

    at: datetime
    pool: str | None


async def next_due(tx: Transaction, pools: Collection[str] = ()) -> NextDue | None:
    """What next wants a worker, or could be had; None if no lane has anything open.

    pools: those we hold; lanes of others are not ours to look at.
    """
    row = (await tx.connection.execute(_NEXT_DUE, {"pools": pools})).first()
    return None if row is None else NextDue(*row)


async def lease_lanes(
    tx: Transaction, lease_id: str, *, limit: int, lease: timedelta, pools: Collection[str] = ()
) -> list[LeasedLane]:
    """Take up to `limit` lanes that are due and free, those waiting longest first.

    pools: those we hold, and so may send.
    """
    now = await tx.now()
    given = {"now": now, "pools": pools, "most": limit}
    leased = [
        LeasedLane(
            row.endpoint_id,
            row.lease_id,
            row.opened_at is not None,
            row.pool,
            row.rate_limit,
            Order(row.order),
        )
        for row in await tx.connection.execute(_DUE, given)
    ]
    if leased:
        ids = [lane.endpoint_id for lane in leased]
        values = {"endpoints": ids, "to_lease_id": lease_id, "to_lease_until": now + lease}
        await tx.connection.execute(_LEASE, values)
    return leased


_NOW: Final = bindparam("now", type_=lanes.c.due_at.type)
_IN_POOLS: Final = or_(lanes.c.pool.is_(None), among(lanes.c.pool, ids_called("pools")))
_NEXT_DUE: Final = (
    select(lanes.c.wakes_at, lanes.c.pool)
    .where(lanes.c.wakes_at.is_not(None), _IN_POOLS)
    .order_by(lanes.c.wakes_at)
    .limit(1)
)
_DUE: Final = (
    select(
        lanes.c.endpoint_id,
        lanes.c.lease_id,
        lanes.c.opened_at,
        lanes.c.pool,
        endpoints.c.rate_limit,
        endpoints.c.order,
    )
    .join_from(lanes, endpoints, endpoints.c.id == lanes.c.endpoint_id)
    .where(lanes.c.wakes_at <= _NOW, _IN_POOLS)
    .order_by(lanes.c.wakes_at, lanes.c.endpoint_id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=lanes, skip_locked=True)
)
_LEASE: Final = (
    update(lanes)
    .where(among(lanes.c.endpoint_id, ids_called("endpoints")))
    .values(
        lease_id=bindparam("to_lease_id"),
        lease_until=bindparam("to_lease_until", type_=lanes.c.lease_until.type),
    )
)


async def try_lock(tx: Transaction, endpoint_id: str) -> bool:
    """Hold a lane to the end of the transaction; False if somebody else does, or it is gone."""
    own = select(lanes.c.endpoint_id).where(lanes.c.endpoint_id == endpoint_id)
    found = await tx.connection.execute(own.with_for_update(skip_locked=True))
    return found.first() is not None


async def extend_leases(tx: Transaction, leases: Mapping[str, str], lease: timedelta) -> set[str]:
    """Hold on to lanes; returns the endpoints whose lanes are still ours.

    leases: ours, by endpoint. There may be other lanes under them, which we have given up.
    """
    is_ours = and_(
        among(lanes.c.endpoint_id, leases), among(lanes.c.lease_id, set(leases.values()))
    )
    in_order = select(lanes.c.endpoint_id).where(is_ours).order_by(lanes.c.endpoint_id)
    await tx.connection.execute(in_order.with_for_update())
    now = await tx.now()
    kept = await tx.connection.execute(
        update(lanes).where(is_ours).values(lease_until=now + lease).returning(lanes.c.endpoint_id)
    )
    return set(kept.scalars())


async def set_next_slot(tx: Transaction, endpoint_id: str, wait: timedelta) -> None:
    """Space sends: whoever has this lane next starts none before then."""
    await tx.connection.execute(
        update(lanes)
        .where(lanes.c.endpoint_id == endpoint_id)
        .values(next_slot_at=await tx.now() + wait)
    )


async def bring_slot_nearer(tx: Transaction, endpoint_id: str, rate_limit: float | None) -> None:
    """Let the next slot be no further away than one gap of the rate there is now."""
    slot = lanes.c.next_slot_at
    until = None if rate_limit is None else await tx.now() + timedelta(seconds=1 / rate_limit)
    is_further = slot.is_not(None) if until is None else slot > until
    own = update(lanes).where(lanes.c.endpoint_id == endpoint_id, is_further)
    await tx.connection.execute(own.values(next_slot_at=until))


async def hold(tx: Transaction, endpoint_id: str, until: datetime) -> None:
    """Send nothing to this endpoint before then."""
    await tx.connection.execute(
        update(lanes)
        .where(
            lanes.c.endpoint_id == endpoint_id,
            or_(lanes.c.held_until.is_(None), lanes.c.held_until < until),
        )
        .values(held_until=until)
    )


async def hasten(tx: Transaction, endpoint_id: str) -> None:
    """Make due at once what waits for its next try; the lane is locked already."""
    now = await tx.now()
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.endpoint_id == endpoint_id,
            *is_later(deliveries),
            deliveries.c.position > 0,
            deliveries.c.due_at > now,
        )
        .values(due_at=now)
    )
    await tx.connection.execute(
        update(lanes)
        .where(lanes.c.endpoint_id == endpoint_id, lanes.c.due_at > now)
        .values(due_at=now)
    )


async def set_aside(tx: Transaction, wait: timedelta, pools: Collection[str] = ()) -> str | None:
    """Hold the lane that `lease_lanes` would take next; whose it is.

    One that another worker looks at is waited for: behind it is one that nothing is wrong with.
    """
    now = await tx.now()
    query = (
        select(lanes.c.endpoint_id)
        .where(lanes.c.wakes_at <= now, _IN_POOLS)
        .order_by(lanes.c.wakes_at, lanes.c.endpoint_id)
        .limit(1)
        .with_for_update()
    )
    found = await tx.connection.execute(query, {"pools": pools})
    endpoint_id = found.scalar_one_or_none()
    if endpoint_id is not None:
        await hold(tx, endpoint_id, now + wait)
    return endpoint_id


async def release_lanes(
    tx: Transaction, leases: Mapping[str, str], *, strict: Collection[str] = ()
) -> None:
    """Give lanes back: what was reserved and not sent is free again.

    Nothing of theirs is on the wire. What was begun nevertheless is what a commit began whose
    success we never learned of, as when the database stopped; nobody else would look for it. The
    lanes are locked already. Each is due when the first of its open deliveries is, and if
    that is now, it goes to the back.
    leases: ours, by endpoint. strict: those endpoints that want strict order.
    """
    if not leases:
        return
    of_these = {"lanes": leases, "leases": set(leases.values())}
    await tx.connection.execute(_GIVE_BACK, of_these)
    await _free(tx, leases, strict=strict, lease_ids=of_these["leases"])


_GIVE_BACK: Final = (
    update(deliveries)
    .where(
        among(deliveries.c.lease_id, ids_called("leases")),
        among(deliveries.c.endpoint_id, ids_called("lanes")),
        deliveries.c.state.in_((State.PENDING, State.SENDING)),
    )
    .values(
        state=State.PENDING,
        attempts=deliveries.c.attempts - cast(deliveries.c.state == State.SENDING, Integer),
        lease_id=None,
    )
)


async def expired_lanes(tx: Transaction, limit: int) -> list[tuple[str, str]]:
    """(endpoint, lease) of lanes whose worker was lost, locked."""
    query = (
        select(lanes.c.endpoint_id, lanes.c.lease_id)
        .where(lanes.c.lease_id.is_not(None), lanes.c.lease_until <= await tx.now())
        .order_by(lanes.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row.endpoint_id, row.lease_id) for row in await tx.connection.execute(query)]


async def free_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Take the lease of a lost worker off lanes that are locked already."""
    query = select(endpoints.c.id).where(
        endpoints.c.id.in_(endpoint_ids), endpoints.c.order == Order.STRICT
    )
    strict = set((await tx.connection.execute(query)).scalars())
    await _free(tx, endpoint_ids, strict=strict, lease_ids=None)


async def _free(
    tx: Transaction,
    endpoint_ids: Iterable[str],
    *,
    strict: Collection[str],
    lease_ids: Collection[str] | None,
) -> None:
    """lease_ids: only lanes that are under one of them; None for all."""
    given: dict[str, object] = {"now": await tx.now()}
    if lease_ids is not None:
        given["leases"] = lease_ids
    for is_strict in (False, True):
        ids = [one for one in endpoint_ids if (one in strict) is is_strict]
        if ids:
            freeing = _freeing(is_strict=is_strict, is_leased=lease_ids is not None)
            await tx.connection.execute(freeing, {**given, "endpoints": ids})


@cache
def _freeing(*, is_strict: bool, is_leased: bool) -> Update:
    freeing = update(lanes).where(among(lanes.c.endpoint_id, ids_called("endpoints")))
    if is_leased:
        freeing = freeing.where(among(lanes.c.lease_id, ids_called("leases")))
    due = due_of_lane(_NOW, is_strict=is_strict)
    return freeing.values(lease_id=None, lease_until=None, due_at=due)
