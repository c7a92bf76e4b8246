"""What a lost worker left: deliveries under a lease that has ended; and what an older one wrote."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    select,
    update,
)

from alerts.domain.deliveries import Channel, State, Trigger
from alerts.store.engine import Transaction
from alerts.store.tables import deliveries, endpoints


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
