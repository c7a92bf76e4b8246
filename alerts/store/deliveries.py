"""Deliveries: what is owed to whom, and the log of what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Select,
    func,
    select,
)

from alerts.domain.deliveries import State, Trigger
from alerts.domain.grades import Kind, TokenId
from alerts.store.engine import Transaction
from alerts.store.removal import is_shown
from alerts.store.rows import record_of
from alerts.store.tables import attempts, deliveries, events


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as the log shows it.

    reason: a Reason, SkipReason or EndReason. status_code: what the last attempt was answered
    with. expunged_at: when its content was taken out. recorded_at: its event's.
    """

    id: str
    event_id: str
    endpoint_id: str
    sequence: int
    token: TokenId | None
    kind: Kind | None
    state: State
    reason: str | None
    deferred_reason: str | None
    trigger: Trigger
    due_at: datetime
    expires_at: datetime
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    status_code: int | None
    expunged_at: datetime | None
    event_type: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try, as the log shows it.

    outcome: delivered, deferred, rejected, unknown or interrupted.
    """

    id: str
    delivery_id: str
    send_id: str
    number: int
    trigger: Trigger
    position: int
    scheduled_for: datetime
    started_at: datetime
    ended_at: datetime
    outcome: str
    reason: str | None
    status_code: int | None
    response_body: bytes | None
    truncated: bool
    remote_address: str | None
    timings_ms: dict[str, float]
    secret_ids: list[str]
    provider_id: str | None
    effect: str | None
    detail: str | None
    worker: str


# What a `DeliveryRecord` is made of: a delivery's columns and its event's.
DELIVERY_COLUMNS: Final = (
    *(
        deliveries.c[name]
        for name in DeliveryRecord.__dataclass_fields__
        if name not in {"event_type", "recorded_at"}
    ),
    events.c.type.label("event_type"),
    events.c.recorded_at,
)


async def find_delivery(
    tx: Transaction, delivery_id: str, *, app_id: str | None
) -> DeliveryRecord | None:
    """A delivery by id. app_id: only if its endpoint is this app's."""
    query = _log(app_id).where(deliveries.c.id == delivery_id)
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else record_of(row, DeliveryRecord)


async def find_delivery_of(
    tx: Transaction, event_id: str, endpoint_id: str
) -> DeliveryRecord | None:
    """The delivery of one event to one endpoint."""
    query = _log(None).where(
        deliveries.c.event_id == event_id, deliveries.c.endpoint_id == endpoint_id
    )
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else record_of(row, DeliveryRecord)


async def list_attempts(tx: Transaction, delivery_id: str) -> list[AttemptRecord]:
    """All tries at a delivery, in order."""
    return (await attempts_at(tx, [delivery_id])).get(delivery_id, [])


async def attempts_at(
    tx: Transaction, delivery_ids: Sequence[str]
) -> dict[str, list[AttemptRecord]]:
    """All tries at these deliveries, in order; nothing of one that was not tried."""
    query = (
        select(attempts)
        .where(attempts.c.delivery_id.in_(delivery_ids))
        .order_by(attempts.c.number, attempts.c.id)
    )
    found: dict[str, list[AttemptRecord]] = {}
    for row in await tx.connection.execute(query):
        found.setdefault(row.delivery_id, []).append(record_of(row, AttemptRecord))
    return found


async def count_by_state(tx: Transaction) -> dict[str, int]:
    """How many deliveries are in each state."""
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return {row[0]: row[1] for row in await tx.connection.execute(query)}


def _log(app_id: str | None) -> Select[tuple[object, ...]]:
    query = (
        select(*DELIVERY_COLUMNS)
        .join_from(deliveries, events, deliveries.c.event_id == events.c.id)
        .where(is_shown(deliveries.c.endpoint_id))
    )
    return query if app_id is None else query.where(deliveries.c.app_id == app_id)
