"""Mutes: tokens, or all of them, that an endpoint is not told of until then."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import delete, exists, or_, select, tuple_, update

from alerts.domain.deliveries import SkipReason, State
from alerts.domain.grades import TokenId
from alerts.store.among import among
from alerts.store.engine import Transaction, insert_into
from alerts.store.queue import is_fresh, is_later
from alerts.store.quiet import IS_NEWS
from alerts.store.tables import deliveries, mutes

# In place of a token, all of them: a primary key takes no null.
_ALL: Final = ""


class Mute(NamedTuple):
    """What is muted, and until when. token: None is everything, the weekly digest included."""

    token: TokenId | None
    until: datetime


async def set_mute(tx: Transaction, endpoint_id: str, mute: Mute) -> None:
    """Mute until then, whatever it was muted until before. Its lane is locked."""
    statement = insert_into(tx, mutes).values(
        endpoint_id=endpoint_id, token=mute.token or _ALL, until=mute.until
    )
    await tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["endpoint_id", "token"], set_={"until": statement.excluded.until}
        )
    )


async def lift_mute(tx: Transaction, endpoint_id: str, token: TokenId | None) -> bool:
    """End a mute; False if there was none."""
    own = (mutes.c.endpoint_id == endpoint_id, mutes.c.token == (token or _ALL))
    lifted = delete(mutes).where(*own, mutes.c.until > await tx.now())
    return (await tx.connection.execute(lifted)).rowcount == 1


async def find_mutes(tx: Transaction, endpoint_ids: Collection[str]) -> list[Mute]:
    """What is muted at any of these, the first to end first; of the same thing the last to end."""
    query = (
        select(mutes.c.token, mutes.c.until)
        .where(among(mutes.c.endpoint_id, endpoint_ids), mutes.c.until > await tx.now())
        .order_by(mutes.c.until)
    )
    lasting = {row.token: row.until for row in await tx.connection.execute(query)}
    found = [Mute(TokenId(token) if token else None, until) for token, until in lasting.items()]
    return sorted(found, key=lambda mute: mute.until)


async def drop_mutes(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` mutes that ended before a time; how many."""
    key = tuple_(mutes.c.endpoint_id, mutes.c.token)
    old = select(mutes.c.endpoint_id, mutes.c.token).where(mutes.c.until < before).limit(batch)
    gone = await tx.connection.execute(delete(mutes).where(key.in_(old)))
    return gone.rowcount


async def skip_muted(tx: Transaction, endpoint_ids: Collection[str]) -> None:
    """End news that is due and was muted. The lanes are ours."""
    now = await tx.now()
    lasting = (mutes.c.until > now, among(mutes.c.endpoint_id, endpoint_ids))
    muting = select(mutes.c.endpoint_id).where(*lasting).distinct()
    ids = list((await tx.connection.execute(muting)).scalars())
    if not ids:
        return
    is_muted = exists(
        select(mutes.c.until)
        .where(
            mutes.c.endpoint_id == deliveries.c.endpoint_id,
            mutes.c.until > now,
            or_(mutes.c.token == _ALL, mutes.c.token == deliveries.c.token),
        )
        .correlate(deliveries)
    )
    for line in (is_fresh, is_later):
        await tx.connection.execute(
            update(deliveries)
            .where(
                among(deliveries.c.endpoint_id, ids),
                *line(deliveries),
                *IS_NEWS,
                deliveries.c.due_at <= now,
                is_muted,
            )
            .values(state=State.SKIPPED, reason=SkipReason.MUTED, ended_at=now)
        )
