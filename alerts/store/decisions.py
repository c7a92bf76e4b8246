"""Decisions: what became of deliveries, written down for many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, update

from alerts.domain.deliveries import State
from alerts.store.engine import Transaction, in_chunks
from alerts.store.queue import OPEN
from alerts.store.tables import deliveries


@dataclass(frozen=True, slots=True)
class Decision:
    """What a delivery becomes; only while our lease still holds it.

    status_code: what the last attempt was answered with.
    """

    delivery_id: str
    state: State
    reason: str | None
    position: int
    interruptions: int
    due_at: datetime | None
    status_code: int | None


async def apply_decisions(tx: Transaction, lease_id: str, decisions: Sequence[Decision]) -> None:
    """Settle deliveries that our lease still holds; it comes off them."""
    delivered: dict[int | None, list[str]] = {}
    others = []
    for decision in decisions:
        if decision.state is State.DELIVERED:
            delivered.setdefault(decision.status_code, []).append(decision.delivery_id)
        else:
            others.append(decision)
    # What most come to, in one statement for all instead of one for each.
    for status_code, ids in delivered.items():
        await _deliver(tx, lease_id, ids, status_code=status_code)
    await _apply(tx, lease_id, others)


async def _deliver(
    tx: Transaction, lease_id: str, ids: Sequence[str], *, status_code: int | None
) -> None:
    for chunk in in_chunks(ids):
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(chunk), deliveries.c.lease_id == lease_id)
            .values(
                state=State.DELIVERED,
                reason=None,
                interruptions=0,
                status_code=status_code,
                ended_at=await tx.now(),
                lease_id=None,
            )
        )


async def _apply(tx: Transaction, lease_id: str, decisions: Sequence[Decision]) -> None:
    if not decisions:
        return
    now = await tx.now()
    statement = (
        update(deliveries)
        .where(deliveries.c.id == bindparam("of_id"), deliveries.c.lease_id == lease_id)
        .values(
            state=bindparam("to_state"),
            reason=bindparam("to_reason"),
            position=bindparam("to_position"),
            interruptions=bindparam("to_interruptions"),
            status_code=bindparam("to_status_code"),
            due_at=func.coalesce(
                bindparam("to_due_at", type_=deliveries.c.due_at.type), deliveries.c.due_at
            ),
            ended_at=bindparam("to_ended_at", type_=deliveries.c.ended_at.type),
            lease_id=None,
        )
    )
    await tx.connection.execute(
        statement,
        [
            {
                "of_id": decision.delivery_id,
                "to_state": decision.state,
                "to_reason": decision.reason,
                "to_position": decision.position,
                "to_interruptions": decision.interruptions,
                "to_status_code": decision.status_code,
                "to_due_at": decision.due_at,
                "to_ended_at": None if decision.state in OPEN else now,
            }
            for decision in decisions
        ],
    )


async def deliver_late(tx: Transaction, delivered: Mapping[str, int | None]) -> None:
    """A worker that lost its lease did deliver: that much is true, and nothing else changes.

    delivered: what each was answered with, by the delivery's id.
    """
    for delivery_id, status_code in delivered.items():
        await tx.connection.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.state != State.DELIVERED)
            .values(
                state=State.DELIVERED,
                reason=None,
                status_code=status_code,
                lease_id=None,
                ended_at=await tx.now(),
            )
        )
