"""What quiet hours hold back: due when they end, and no older for it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Text, cast, exists, select, type_coerce, update

from alerts.domain.deliveries import DeferredReason, Trigger
from alerts.domain.events import EventType
from alerts.store.among import among
from alerts.store.engine import Transaction
from alerts.store.queue import is_fresh, is_later
from alerts.store.tables import MICROSECOND, deliveries, endpoints, events, lanes
from alerts.store.tables.base import to_micros

# Whoever asks for a test waits for it.
_IS_TEST: Final = exists(
    select(events.c.id)
    .where(events.c.id == deliveries.c.event_id, events.c.type == EventType.ENDPOINT_TEST)
    .correlate(deliveries)
)
# What nobody asked for by hand, and nobody has reserved.
IS_NEWS: Final = (
    deliveries.c.trigger == Trigger.SCHEDULE,
    deliveries.c.lease_id.is_(None),
    ~_IS_TEST,
)


async def hold_back(tx: Transaction, endpoint_ids: Collection[str], until: datetime) -> None:
    """Make news that is due be due then. Its time to live stands still meanwhile.

    The lanes are ours. What is told by hand, and tests, wait for no quiet to end.
    """
    now = await tx.now()
    longer = (until - now) // MICROSECOND
    for line in (is_fresh, is_later):
        await tx.connection.execute(
            update(deliveries)
            .where(
                among(deliveries.c.endpoint_id, endpoint_ids),
                *line(deliveries),
                *IS_NEWS,
                deliveries.c.due_at <= now,
                deliveries.c.expires_at > now,
            )
            .values(
                due_at=until,
                expires_at=_micros(deliveries.c.expires_at) + longer,
                deferred_reason=DeferredReason.QUIET_HOURS,
            )
        )


async def bring_forward(tx: Transaction, endpoint_id: str) -> None:
    """Make due at once what is held back, for what holds it has changed; the lane is locked.

    Whether the new quiet hours, or the new cooldown, hold it is seen when it is claimed.
    """
    now = await tx.now()
    early = _micros(deliveries.c.due_at) - to_micros(now)
    for line in (is_fresh, is_later):
        await tx.connection.execute(
            update(deliveries)
            .where(
                deliveries.c.endpoint_id == endpoint_id,
                *line(deliveries),
                deliveries.c.deferred_reason.in_(sorted(DeferredReason)),
                deliveries.c.due_at > now,
            )
            .values(due_at=now, expires_at=_micros(deliveries.c.expires_at) - early)
        )
    await tx.connection.execute(
        update(lanes)
        .where(lanes.c.endpoint_id == endpoint_id, lanes.c.due_at > now)
        .values(due_at=now)
    )


async def find_spared(tx: Transaction, endpoint_id: str) -> tuple[object, ...] | None:
    """What news is held back by, as it is stored; None for an endpoint that is not there."""
    query = select(
        endpoints.c.time_zone, cast(endpoints.c.quiet_hours, Text), endpoints.c.cooldown_seconds
    )
    row = (await tx.connection.execute(query.where(endpoints.c.id == endpoint_id))).one_or_none()
    return None if row is None else tuple(row)


def _micros(at: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(at, BigInteger)
