"""Platforms that refuse our own bot, for as long as they do."""

from datetime import datetime

from sqlalchemy import delete, select

from alerts.domain.deliveries import Channel
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import refusals


async def begin_refusal(tx: Transaction, channel: Channel, *, at: datetime) -> bool:
    """Record that a platform refuses our bot; False if that was known."""
    new = insert_into(tx, refusals).on_conflict_do_nothing()
    made = await tx.connection.execute(new.values(channel=channel, since=at))
    return bool(made.rowcount)


async def is_refused(tx: Transaction, channel: Channel) -> bool:
    """Whether it is known that a platform refuses our bot."""
    query = select(refusals.c.channel).where(refusals.c.channel == channel)
    return (await tx.connection.execute(query)).first() is not None


async def end_refusal(tx: Transaction, channel: Channel) -> bool:
    """Record that a platform takes our bot again; False if nothing else was known."""
    gone = await tx.connection.execute(delete(refusals).where(refusals.c.channel == channel))
    return bool(gone.rowcount)
