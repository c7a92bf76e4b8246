"""Links that apps were given: by opening one, a chat becomes an endpoint. Each works once."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, insert

from alerts.domain.deliveries import Channel
from alerts.store.engine import Transaction
from alerts.store.tables import links


class OpenedLink(NamedTuple):
    """What a link was asked for. wish: as `add_link` was given it."""

    app_id: str
    channel: Channel
    wish: bytes


async def add_link(
    tx: Transaction,
    code_hash: str,
    *,
    app_id: str,
    channel: Channel,
    wish: bytes,
    expires_at: datetime,
) -> None:
    """Remember what is to be made of whoever opens a link; those that have expired are forgotten.

    code_hash: 64 hexadecimal digits, of a code that nobody has had before.
    """
    await tx.connection.execute(delete(links).where(links.c.expires_at <= await tx.now()))
    await tx.connection.execute(
        insert(links).values(
            id=code_hash, app_id=app_id, channel=channel, wish=wish, expires_at=expires_at
        )
    )


async def take_link(tx: Transaction, code_hash: str) -> OpenedLink | None:
    """Open a link, which is gone with that; None where it is already, or has expired."""
    taken = await tx.connection.execute(
        delete(links)
        .where(links.c.id == code_hash, links.c.expires_at > await tx.now())
        .returning(links.c.app_id, links.c.channel, links.c.wish)
    )
    row = taken.one_or_none()
    return None if row is None else OpenedLink(row.app_id, Channel(row.channel), row.wish)
