"""Expunging: what was said and answered is taken out of the log; that it was stays."""

from collections.abc import Sequence

from sqlalchemy import select, update

from alerts.domain.events import without_data
from alerts.store.engine import Transaction, in_chunks
from alerts.store.tables import attempts, deliveries, events


async def deliveries_of(tx: Transaction, event_id: str) -> list[tuple[str, str]]:
    """(id, endpoint) of all deliveries of an event, in order of endpoint."""
    query = (
        select(deliveries.c.id, deliveries.c.endpoint_id)
        .where(deliveries.c.event_id == event_id)
        .order_by(deliveries.c.endpoint_id)
    )
    return [(row.id, row.endpoint_id) for row in await tx.connection.execute(query)]


async def are_ended(tx: Transaction, delivery_ids: Sequence[str]) -> bool:
    """Whether none of these is on its way; their lanes are locked."""
    for chunk in in_chunks(delivery_ids):
        is_open = (deliveries.c.id.in_(chunk), deliveries.c.ended_at.is_(None))
        query = select(deliveries.c.id).where(*is_open).limit(1)
        if (await tx.connection.execute(query)).first() is not None:
            return False
    return True


async def expunge_attempts(tx: Transaction, delivery_ids: Sequence[str]) -> None:
    """Take out what was answered to these deliveries, and mark them."""
    now = await tx.now()
    for chunk in in_chunks(delivery_ids):
        await tx.connection.execute(
            update(attempts)
            .where(attempts.c.delivery_id.in_(chunk))
            .values(response_body=None, detail=None)
        )
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(chunk), deliveries.c.expunged_at.is_(None))
            .values(expunged_at=now)
        )


async def expunge_event(tx: Transaction, event_id: str) -> None:
    """Take out an event's data; its id, type, times and number stay."""
    query = select(events.c.body).where(events.c.id == event_id)
    body = (await tx.connection.execute(query)).scalar_one()
    await tx.connection.execute(
        update(events).where(events.c.id == event_id).values(body=without_data(body))
    )
