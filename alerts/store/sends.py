"""Sends: what went in one message."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from alerts.store.among import among, ids_called
from alerts.store.deliveries import attempts_at, find_delivery_of
from alerts.store.engine import Transaction
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place
from alerts.store.tables import attempts, events

# Of an endpoint's log, looked through from an event back: a message is of what waited together.
_LOOKED_THROUGH: Final = 2000


async def told_with(tx: Transaction, event_id: str, *, endpoint_id: str) -> Sequence[bytes]:
    """The bodies of all events of the message that told this one last, in their order.

    event_id: of the newest of them. None where it was not told to this endpoint, or is not kept.
    """
    delivery = await find_delivery_of(tx, event_id, endpoint_id)
    tries = [] if delivery is None else (await attempts_at(tx, [delivery.id])).get(delivery.id, [])
    if delivery is None or not tries:
        return ()
    wanted = LogFilter(endpoint_id=endpoint_id, state=delivery.state)
    before = Place(delivery.sequence + 1, "")
    alike = await list_deliveries(tx, wanted, app_id=None, before=before, limit=_LOOKED_THROUGH)
    by_id = {each.id: each for each in alike}
    sent = await tx.connection.execute(
        select(attempts.c.delivery_id).where(
            among(attempts.c.delivery_id, ids_called("ids")),
            attempts.c.send_id == tries[-1].send_id,
        ),
        {"ids": list(by_id)},
    )
    told = {by_id[one].event_id for one in sent.scalars()}
    bodies = await tx.connection.execute(
        select(events.c.body)
        .where(among(events.c.id, ids_called("ids")))
        .order_by(events.c.sequence),
        {"ids": list(told)},
    )
    return list(bodies.scalars())
