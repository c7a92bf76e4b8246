"""What a lost worker left under its lease; lanes that would sleep; and what an older one wrote."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    and_,
    literal,
    or_,
    select,
    update,
)

from alerts.domain.deliveries import Channel, State, Trigger
from alerts.store.among import among
from alerts.store.engine import Transaction
from alerts.store.queue import has_due
from alerts.store.tables import deliveries, endpoints, lanes

# A lane that sleeps this far past what is due in it was forgotten; transactions under way do less.
OVERSLEPT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A delivery whose worker was lost while it was being sent."""

    id: str
    endpoint_id: str
    channel: Channel
    trigger: Trigger
    due_at: datetime
    started_at: datetime
    position: int
    attempts: int
    interruptions: int


async def lost_deliveries(
    tx: Transaction, lease_ids: Collection[str], endpoint_ids: Collection[str]
) -> list[Interrupted]:
    """What was being sent under leases that ended, for a decision on each."""
    query = (
        select(
            deliveries.c.id,
            deliveries.c.endpoint_id,
            endpoints.c.channel,
            deliveries.c.trigger,
            deliveries.c.due_at,
            deliveries.c.started_at,
            deliveries.c.position,
            deliveries.c.attempts,
            deliveries.c.interruptions,
        )
        .join_from(deliveries, endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(
            deliveries.c.lease_id.in_(lease_ids),
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.SENDING,
        )
    )
    return [
        Interrupted(row[0], row[1], Channel(row[2]), Trigger(row[3]), *row[4:])
        for row in await tx.connection.execute(query)
    ]


async def free_reserved(
    tx: Transaction, lease_ids: Collection[str], endpoint_ids: Collection[str]
) -> None:
    """What a lost worker had reserved and not begun is free again."""
    await tx.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.lease_id.in_(lease_ids),
            deliveries.c.endpoint_id.in_(endpoint_ids),
            deliveries.c.state == State.PENDING,
        )
        .values(lease_id=None)
    )


async def adopt(tx: Transaction, limit: int) -> None:
    """Give deliveries their app: those that the release before this one wrote while both ran."""
    columns = deliveries.c
    orphans = select(columns.id).where(columns.app_id.is_(None)).limit(limit)
    ids = list((await tx.connection.execute(orphans)).scalars())
    if ids:
        app_id = select(endpoints.c.app_id).where(endpoints.c.id == columns.endpoint_id)
        await tx.connection.execute(
            update(deliveries).where(columns.id.in_(ids)).values(app_id=app_id.scalar_subquery())
        )


async def lanes_asleep(tx: Transaction, limit: int) -> list[str]:
    """Whose free lanes have something due and would sleep past it.

    There are none, unless something is wrong where lanes are written. All of them are looked at: it
    takes a quarter of a second where there are 100,000, so nobody who writes waits for it.
    """
    is_asleep = _is_asleep(await tx.now())
    query = select(lanes.c.endpoint_id).where(is_asleep).limit(limit)
    return list((await tx.connection.execute(query)).scalars())


async def repair_lanes(tx: Transaction, endpoint_ids: Sequence[str]) -> int:
    """Wake those of these lanes that are asleep still; how many there were."""
    now = await tx.now()
    named = among(lanes.c.endpoint_id, endpoint_ids)
    query = select(lanes.c.endpoint_id).where(named).order_by(lanes.c.endpoint_id)
    await tx.connection.execute(query.with_for_update())
    repaired = await tx.connection.execute(
        update(lanes).where(named, _is_asleep(now)).values(due_at=now)
    )
    return repaired.rowcount


def _is_asleep(now: datetime) -> ColumnElement[bool]:
    columns = lanes.c
    return and_(
        columns.lease_id.is_(None),
        or_(columns.due_at.is_(None), columns.due_at > now + OVERSLEPT),
        has_due(literal(now, lanes.c.due_at.type)),
    )
