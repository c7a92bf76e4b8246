"""Health: what a lane knows of its endpoint, read and written where the lane is locked."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, case, func, or_, select, update

from alerts.domain.deliveries import EndpointState
from alerts.domain.health import Health
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.tables import attempts, deliveries, endpoints, lanes

# By their ids, which come in the order of time: as many as SQLite reads in 6 ms, of 200,000.
NEWEST_ATTEMPTS: Final = 1000
_COLUMNS: Final = tuple(lanes.c[name] for name in Health.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class HeldLane:
    """A lane that this transaction has locked. lease_id: the lease that is on it."""

    lease_id: str | None
    health: Health


async def lock_held(tx: Transaction, endpoint_ids: Collection[str]) -> dict[str, HeldLane]:
    """Lock lanes, in order; returns whose each is now, and how its endpoint does."""
    rows = await tx.connection.execute(_LOCK, {"lanes": endpoint_ids})
    return {row[0]: HeldLane(row[1], Health(*row[2:])) for row in rows}


async def write_health(tx: Transaction, found: Mapping[str, Health]) -> None:
    """Keep what is known of these endpoints; their lanes are locked."""
    if found:
        rows = [
            {"of_id": endpoint_id, **{f"to_{c.name}": getattr(health, c.name) for c in _COLUMNS}}
            for endpoint_id, health in found.items()
        ]
        await tx.connection.execute(_WRITE, rows)


_LOCK: Final = (
    select(lanes.c.endpoint_id, lanes.c.lease_id, *_COLUMNS)
    .where(among(lanes.c.endpoint_id, ids_called("lanes")))
    .order_by(lanes.c.endpoint_id)
    .with_for_update()
)
_WRITE: Final = (
    update(lanes)
    .where(lanes.c.endpoint_id == bindparam("of_id"))
    .values({c.name: bindparam(f"to_{c.name}", type_=c.type) for c in _COLUMNS})
)


async def read_health(tx: Transaction, endpoint_ids: Iterable[str]) -> dict[str, Health]:
    """How endpoints do, by id."""
    query = select(lanes.c.endpoint_id, *_COLUMNS)
    named = query.where(among(lanes.c.endpoint_id, list(endpoint_ids)))
    return {row[0]: Health(*row[1:]) for row in await tx.connection.execute(named)}


async def find_hold(tx: Transaction, endpoint_id: str) -> datetime | None:
    """Until when nothing is sent to an endpoint; None while nothing holds it."""
    query = select(lanes.c.held_until).where(
        lanes.c.endpoint_id == endpoint_id, lanes.c.held_until > await tx.now()
    )
    return (await tx.connection.execute(query)).scalar_one_or_none()


async def forget_health(tx: Transaction, endpoint_id: str) -> None:
    """Begin anew, as with an endpoint never heard of, and hold it no longer; its lane is locked."""
    await write_health(tx, {endpoint_id: Health()})


async def count_answering(tx: Transaction, since: datetime) -> tuple[int, int]:
    """How many endpoints the newest attempts were made at, and how many of them answered any.

    since: only attempts from then on, and at most NEWEST_ATTEMPTS.
    """
    columns = attempts.c
    newest = (
        select(columns.delivery_id, columns.started_at, columns.outcome, columns.status_code)
        .order_by(columns.id.desc())
        .limit(NEWEST_ATTEMPTS)
        .subquery()
    )
    is_answer = or_(newest.c.status_code.is_not(None), newest.c.outcome == "delivered")
    query = (
        select(deliveries.c.endpoint_id, func.max(case((is_answer, 1), else_=0)))
        .join_from(newest, deliveries, deliveries.c.id == newest.c.delivery_id)
        .where(newest.c.started_at >= since)
        .group_by(deliveries.c.endpoint_id)
    )
    found = [answered for _, answered in await tx.connection.execute(query)]
    return len(found), sum(found)


async def count_troubled(tx: Transaction) -> tuple[int, int]:
    """Of active endpoints: how many breakers are not closed, how many were told to be failing."""
    query = (
        select(func.count(lanes.c.opened_at), func.count(lanes.c.warned_at))
        .join_from(lanes, endpoints, endpoints.c.id == lanes.c.endpoint_id)
        .where(
            or_(lanes.c.opened_at.is_not(None), lanes.c.warned_at.is_not(None)),
            endpoints.c.state == EndpointState.ACTIVE,
        )
    )
    is_open, failing = (await tx.connection.execute(query)).one()
    return is_open, failing
