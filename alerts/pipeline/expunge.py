"""Expunge: the content of a delivery is taken out of the log before its time."""

from alerts.domain.events import AudienceKind
from alerts.errors import Conflict, NotFound
from alerts.store.answers import Keep, keep_nothing
from alerts.store.deliveries import DeliveryRecord, find_delivery
from alerts.store.engine import Store
from alerts.store.events import find_event
from alerts.store.expunge import are_ended, deliveries_of, expunge_attempts, expunge_event
from alerts.store.fan_out import lock_lanes


async def expunge(
    delivery_id: str,
    *,
    app_id: str | None,
    store: Store,
    keep: Keep[DeliveryRecord] = keep_nothing,
) -> DeliveryRecord:
    """Take out what a receiver answered to a delivery, body and detail of every attempt.

    If its event was for this app or endpoint alone, its data goes, too, and with it what was
    answered to all deliveries of that event. Events for everyone are the operator's publication
    and stay. What was expunged is never sent again. Raises NotFound, or Conflict while any of it
    is on its way.
    """
    async with store.write() as tx:
        delivery = await find_delivery(tx, delivery_id, app_id=app_id)
        event = None if delivery is None else await find_event(tx, delivery.event_id, app_id=None)
        if delivery is None or event is None:
            raise NotFound("delivery", delivery_id)
        is_own = event.audience is not AudienceKind.EVERYONE
        if is_own:
            told = await deliveries_of(tx, event.id)
        else:
            told = [(delivery.id, delivery.endpoint_id)]
        await lock_lanes(tx, [endpoint_id for _, endpoint_id in told])
        ids = [told_id for told_id, _ in told]
        if not await are_ended(tx, ids):
            raise Conflict("this delivery, or another of its event, has not ended yet")
        await expunge_attempts(tx, ids)
        if is_own:
            await expunge_event(tx, event.id)
        expunged = await find_delivery(tx, delivery_id, app_id=app_id) or delivery
        await keep(tx, expunged)
    return expunged
