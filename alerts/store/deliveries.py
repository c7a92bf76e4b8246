"""Deliveries: what is owed to whom, and the log of what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    select,
    update,
)

from alerts.domain.deliveries import State, Trigger
from alerts.domain.grades import Kind, TokenId
from alerts.store.endpoints import EndpointRecord
from alerts.store.engine import Transaction
from alerts.store.fan_out import lock_lanes, make_due, owe_corrections
from alerts.store.queue import is_logged
from alerts.store.rows import record_of
from alerts.store.tables import attempts, deliveries, events


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as the log shows it.

    reason: a Reason, SkipReason or EndReason. status_code: what the last attempt was answered
    with. recorded_at: its event's.
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


async def reopen(tx: Transaction, endpoint: EndpointRecord, condition: ColumnElement[bool]) -> int:
    """Return an endpoint's ended deliveries to the queue, asked for by hand; how many.

    They start the schedule anew and live as long as a new delivery would.
    """
    await lock_lanes(tx, [endpoint.id])
    now = await tx.now()
    reopened = await tx.connection.execute(
        update(deliveries)
        .where(deliveries.c.endpoint_id == endpoint.id, *is_logged(deliveries), condition)
        .values(
            state=State.PENDING,
            reason=None,
            deferred_reason=None,
            trigger=Trigger.MANUAL,
            due_at=now,
            expires_at=now + timedelta(seconds=endpoint.time_to_live_seconds),
            position=0,
            interruptions=0,
            ended_at=None,
        )
    )
    if reopened.rowcount:
        await owe_corrections(tx, endpoint)
        await make_due(tx, [endpoint.id], now)
    return reopened.rowcount


def ended_delivery(delivery_id: str) -> ColumnElement[bool]:
    """One delivery, if nobody is at it."""
    open_states = (State.PENDING, State.SENDING)
    return and_(deliveries.c.id == delivery_id, deliveries.c.state.not_in(open_states))


def replayable(*, only: str | None, since: datetime, until: datetime | None) -> ColumnElement[bool]:
    """Deliveries that ended from `since` up to `until`: failed (dead, unknown), missing (skipped).

    What waited when its endpoint was closed was missed then, however old it was.
    """
    failed, missing = (State.DEAD, State.UNKNOWN), (State.SKIPPED,)
    states = {"failed": failed, "missing": missing}.get(only or "", failed + missing)
    condition = and_(deliveries.c.state.in_(states), deliveries.c.ended_at >= since)
    if until is not None:
        condition = and_(condition, deliveries.c.ended_at < until)
    return condition


async def count_deliveries(
    tx: Transaction, endpoint_id: str, condition: ColumnElement[bool]
) -> int:
    """How many of an endpoint's deliveries meet a condition; none that waits to be tried first."""
    query = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.endpoint_id == endpoint_id, *is_logged(deliveries), condition)
    )
    return (await tx.connection.execute(query)).scalar_one()


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
    query = (
        select(attempts)
        .where(attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.number, attempts.c.id)
    )
    rows = await tx.connection.execute(query)
    return [record_of(row, AttemptRecord) for row in rows]


async def count_by_state(tx: Transaction) -> dict[str, int]:
    """How many deliveries are in each state."""
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return {row[0]: row[1] for row in await tx.connection.execute(query)}


def _log(app_id: str | None) -> Select[tuple[object, ...]]:
    query = select(*DELIVERY_COLUMNS).join_from(
        deliveries, events, deliveries.c.event_id == events.c.id
    )
    return query if app_id is None else query.where(deliveries.c.app_id == app_id)
