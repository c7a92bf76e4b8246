"""Chats: what one has said for all endpoints that it is."""

from sqlalchemy import exists, select

from alerts.domain.deliveries import EndpointState
from alerts.domain.ids import HOUSE_APP
from alerts.store.engine import Transaction
from alerts.store.tables import endpoints


async def has_paused(tx: Transaction, endpoint_id: str) -> bool:
    """Whether the place of an app's endpoint has paused what it set up itself, and so all of it."""
    own = endpoints.alias("own")
    query = select(endpoints.c.id).where(
        endpoints.c.id == endpoint_id,
        endpoints.c.app_id != HOUSE_APP,
        exists(
            select(own.c.id).where(
                own.c.app_id == HOUSE_APP,
                own.c.channel == endpoints.c.channel,
                own.c.address_hash == endpoints.c.address_hash,
                own.c.state == EndpointState.PAUSED,
            )
        ),
    )
    return (await tx.connection.execute(query)).first() is not None
