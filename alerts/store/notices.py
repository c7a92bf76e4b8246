"""Notices: events for an app, owed to its other webhook endpoints a chunk at a time."""

import json
from typing import Final

from sqlalchemy import select, update

from alerts.domain.deliveries import Channel, EndpointState
from alerts.store.endpoints import find_recipients
from alerts.store.engine import Transaction
from alerts.store.events import find_event
from alerts.store.fan_out import lock_lanes, owe
from alerts.store.tables import endpoints, events

# Endpoints told of a notice in one transaction.
NOTICE_CHUNK: Final = 1000


async def notices_to_fan_out(tx: Transaction) -> list[str]:
    """Ids of events for an app that are not owed to all of its endpoints yet, at most 100."""
    return list((await tx.connection.execute(_WAITING)).scalars())


_WAITING: Final = (
    select(events.c.id)
    .where(events.c.owed_after.is_not(None))
    .order_by(events.c.sequence)
    .limit(100)
)


async def fan_out_notice(
    tx: Transaction, event_id: str, *, size: int = NOTICE_CHUNK
) -> tuple[int, bool]:
    """Owe a notice to the next `size` endpoints; how many there were, and whether they were all.

    An endpoint that is not active is not told, nor the one that the notice is about.
    """
    query = select(events.c.owed_after).where(events.c.id == event_id)
    after = (await tx.connection.execute(query)).scalar_one_or_none()
    event = await find_event(tx, event_id, app_id=None)
    if after is None or event is None:
        return 0, True
    listed = (
        select(endpoints.c.id)
        .where(
            endpoints.c.app_id == event.audience_id,
            endpoints.c.channel == Channel.WEBHOOK,
            endpoints.c.state == EndpointState.ACTIVE,
            endpoints.c.id > after,
        )
        .order_by(endpoints.c.id)
        .limit(size)
    )
    ids = list((await tx.connection.execute(listed)).scalars())
    await lock_lanes(tx, ids)
    moved = await tx.connection.execute(
        update(events)
        .where(events.c.id == event_id, events.c.owed_after == after)
        .values(owed_after=ids[-1] if len(ids) == size else None)
    )
    if not moved.rowcount:
        return 0, True  # another worker goes on with it
    subject = json.loads(event.body)["data"].get("endpoint", {}).get("id")
    found = (await find_recipients(tx, ids)).values()
    told = [(event, endpoint) for endpoint in found if endpoint.id != subject]
    await owe(tx, told)
    return len(told), len(ids) < size
