"""Removal: an endpoint is gone at once; the rows that were its own go in batches after it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, exists, insert, select, update

from alerts.domain.deliveries import Channel, DisableReason, EndpointState
from alerts.domain.events import AudienceKind
from alerts.store.engine import Transaction, in_chunks
from alerts.store.fan_out import lock_lanes
from alerts.store.queue import is_fresh, is_later, is_logged
from alerts.store.tables import (
    attempts,
    deliveries,
    digests,
    endpoint_secrets,
    endpoints,
    events,
    lanes,
    mutes,
    removed_endpoints,
    replays,
    subscriptions,
)


async def remove_endpoints(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """Remove endpoints: nothing is sent to them, owed to them or shown of them from now on.

    Their lanes go first: whoever holds a lane's lock finishes before, and finds nothing after.
    What else was their own is left to `clear_removed`.
    """
    for chunk in in_chunks(sorted(endpoint_ids)):
        gone = delete(lanes).where(lanes.c.endpoint_id.in_(chunk)).returning(lanes.c.lease_id)
        leases = {one for one in (await tx.connection.execute(gone)).scalars() if one is not None}
        # What a worker has reserved is not begun any more.
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.lease_id.in_(leases), deliveries.c.endpoint_id.in_(chunk))
            .values(lease_id=None)
        )
        for table in (endpoint_secrets, replays, digests, mutes):
            await tx.connection.execute(delete(table).where(table.c.endpoint_id.in_(chunk)))
        await tx.connection.execute(delete(endpoints).where(endpoints.c.id.in_(chunk)))
        await tx.connection.execute(insert(removed_endpoints), [{"id": one} for one in chunk])


async def hand_over(tx: Transaction, endpoint_id: str, *, to: str) -> None:
    """Owe an endpoint what another of its app was owed and nobody has begun to tell.

    Each event once. Both lanes are locked. Who has reserved any of it finds that it is not theirs.
    """
    own = deliveries.alias("own")
    is_owed = exists(
        select(own.c.id)
        .where(own.c.endpoint_id == to, own.c.event_id == deliveries.c.event_id)
        .correlate(deliveries)
    )
    for line in (is_fresh, is_later):
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.endpoint_id == endpoint_id,
                *line(deliveries),
                ~is_owed,
            )
            .values(endpoint_id=to, lease_id=None)
        )


async def drop_deserted(tx: Transaction, before: datetime, batch: int) -> int:
    """Remove up to `batch` channels of servers that our bot left before a time; how many.

    Whoever invites it again meanwhile finds them; so it is looked at again under their locks.
    """
    deserted = (
        select(endpoints.c.id)
        .where(
            endpoints.c.channel == Channel.DISCORD,
            endpoints.c.state == EndpointState.DISABLED,
            endpoints.c.disabled_reason == DisableReason.REMOVED,
            endpoints.c.state_since < before,
        )
        .order_by(endpoints.c.id)
    )
    found = (await tx.connection.execute(deserted.limit(batch))).scalars().all()
    if found:
        await lock_lanes(tx, found)
        still = deserted.where(endpoints.c.id.in_(found))
        await remove_endpoints(tx, (await tx.connection.execute(still)).scalars().all())
    return len(found)


async def clear_removed(tx: Transaction, batch: int, *, endpoint_id: str | None = None) -> bool:
    """Delete up to `batch` rows of a removed endpoint, its log included; False: nothing is left.

    endpoint_id: of this one, None for any.
    """
    marked = select(removed_endpoints.c.id).order_by(removed_endpoints.c.id).limit(1)
    if endpoint_id is not None:
        marked = marked.where(removed_endpoints.c.id == endpoint_id)
    # Locked, so that who comes to its end has seen what others did.
    found = (await tx.connection.execute(marked.with_for_update())).scalar_one_or_none()
    if found is None:
        return False
    left = batch - await _clear_log(tx, found, batch)
    told = (events.c.audience == AudienceKind.ENDPOINT, events.c.audience_id == found)
    for table, own in ((subscriptions, (subscriptions.c.endpoint_id == found,)), (events, told)):
        left -= len(await _clear(tx, table, own, batch=left))
    if left == batch:
        own_mark = removed_endpoints.c.id == found
        await tx.connection.execute(delete(removed_endpoints).where(own_mark))
    return True


def is_shown(endpoint_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether this is of no endpoint that was removed and is not all cleared away."""
    return endpoint_id.not_in(select(removed_endpoints.c.id))


async def ids_of_app(tx: Transaction, app_id: str) -> list[str]:
    """All endpoints of an app."""
    query = select(endpoints.c.id).where(endpoints.c.app_id == app_id)
    return list((await tx.connection.execute(query)).scalars())


async def _clear_log(tx: Transaction, endpoint_id: str, batch: int) -> int:
    """Deliveries with their attempts; how many deliveries."""
    cleared = 0
    for line in (is_fresh, is_logged):
        own = (deliveries.c.endpoint_id == endpoint_id, *line(deliveries))
        ids = await _clear(tx, deliveries, own, batch=batch - cleared)
        for chunk in in_chunks(ids):
            await tx.connection.execute(delete(attempts).where(attempts.c.delivery_id.in_(chunk)))
        cleared += len(ids)
    return cleared


async def _clear(
    tx: Transaction, table: Table, own: Sequence[ColumnElement[bool]], *, batch: int
) -> list[str]:
    """Delete up to `batch` rows, at most what one statement takes; their ids."""
    if batch <= 0:
        return []
    ids = list((await tx.connection.execute(select(table.c.id).where(*own).limit(batch))).scalars())
    if ids:
        await tx.connection.execute(delete(table).where(table.c.id.in_(ids)))
    return ids
