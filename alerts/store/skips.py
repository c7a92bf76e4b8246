"""What waits and is not sent: something newer came, or its endpoint takes nothing."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from alerts.domain.deliveries import DeferredReason, SkipReason, State, Trigger
from alerts.domain.events import EventType
from alerts.store.among import among
from alerts.store.engine import Transaction
from alerts.store.queue import is_fresh, is_later
from alerts.store.tables import deliveries, events, subscriptions

_EVERY: Final[ColumnElement[str]] = literal_column("''")


class Superseded(NamedTuple):
    """A delivery that gave way to something newer."""

    id: str
    endpoint_id: str
    token: str


async def supersede(tx: Transaction, endpoint_ids: Sequence[str]) -> list[Superseded]:
    """End what waits behind something newer about the same token and kind, by the schedule.

    A correction is newer than another of the same event, and than nothing else; a crossing than
    A correction is newer than another of the same event, and than nothing else; a crossing than
    another crossing that it repeats or takes back, a rise or fall than another within the same
    window; and a `grade.moved` takes the place of those alone, for it does not say that a band
    changed, or how. What quiet hours put off is told along with what is newer, unless that went
    out already.
    """
    if not endpoint_ids:
        return []
    # By the events of the token, which are few, not by all that the endpoint was ever owed.
    newer, event, own = deliveries.alias("newer"), events.alias("event"), events.alias("own")
    is_newer = (
        event.c.token == deliveries.c.token,
        event.c.kind == deliveries.c.kind,
        event.c.sequence > deliveries.c.sequence,
        newer.c.event_id == event.c.id,
        newer.c.endpoint_id == deliveries.c.endpoint_id,
        own.c.id == deliveries.c.event_id,
        (event.c.type == EventType.CROSSED) == (own.c.type == EventType.CROSSED),
        event.c.within.is_not_distinct_from(own.c.within),
        or_(own.c.type != EventType.CROSSED, ~_is_crossed_still(own, event)),
        or_(event.c.type != EventType.MOVED, own.c.type == EventType.MOVED),
        newer.c.corrects.is_not_distinct_from(deliveries.c.corrects),
        newer.c.state.in_((State.PENDING, State.SENDING, State.DELIVERED)),
        or_(
            newer.c.state != State.PENDING,
            deliveries.c.deferred_reason.is_distinct_from(DeferredReason.QUIET_HOURS),
        ),
    )
    found = event.join(newer, true()).join(own, true())
    ended: list[Superseded] = []
    for line in (is_fresh, is_later):
        superseded = await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.endpoint_id.in_(endpoint_ids),
                *line(deliveries),
                deliveries.c.lease_id.is_(None),
                deliveries.c.trigger == Trigger.SCHEDULE,
                exists(select(newer.c.id).select_from(found).where(*is_newer)),
            )
            .values(state=State.SKIPPED, reason=SkipReason.SUPERSEDED, ended_at=await tx.now())
            .returning(deliveries.c.id, deliveries.c.endpoint_id, deliveries.c.token)
        )
        ended += map(Superseded._make, superseded)
    return ended


async def end_reversed(tx: Transaction, delivery_ids: Collection[str]) -> None:
    """End what waits in lanes that are ours and leads back to what was told before."""
    await tx.connection.execute(
        update(deliveries)
        .where(among(deliveries.c.id, delivery_ids))
        .values(state=State.SKIPPED, reason=SkipReason.REVERSED, ended_at=await tx.now())
    )


async def skip_waiting(tx: Transaction, endpoint_ids: Sequence[str], reason: SkipReason) -> None:
    """End all that waits for endpoints that take nothing now."""
    if not endpoint_ids:
        return
    for line in (is_fresh, is_later):
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.endpoint_id.in_(endpoint_ids),
                *line(deliveries),
                deliveries.c.lease_id.is_(None),
            )
            .values(state=State.SKIPPED, reason=reason, ended_at=await tx.now())
        )


def _is_crossed_still(own: FromClause, newer: FromClause) -> ColumnElement[bool]:
    """`domain` `is_crossed_still`, in SQL, at the endpoint of a delivery."""
    named = subscriptions.c
    return exists(
        select(named.id)
        .where(
            named.endpoint_id == deliveries.c.endpoint_id,
            # In the words of its index.
            func.coalesce(named.token, _EVERY).in_((_EVERY, own.c.token)),
            named.kind == own.c.kind,
            or_(
                and_(
                    own.c.crossed_from < own.c.crossed_to,
                    newer.c.crossed_from > newer.c.crossed_to,
                    named.above <= newer.c.crossed_to,
                ),
                and_(
                    own.c.crossed_from > own.c.crossed_to,
                    newer.c.crossed_from < newer.c.crossed_to,
                    named.below > newer.c.crossed_to,
                ),
            ),
        )
        .correlate(deliveries, own, newer)
    )
