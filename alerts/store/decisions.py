"""Decisions: what became of deliveries, written down for many at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, update

from alerts.domain.deliveries import State
from alerts.store.among import among, ids_called
from alerts.store.engine import OR_FAIL, Transaction
from alerts.store.queue import OPEN
from alerts.store.tables import deliveries


class Decision(NamedTuple):
    """What a delivery becomes; only while the lease that we sent it under still holds it.

    status_code: what the last attempt was answered with.
    """

    delivery_id: str
    lease_id: str
    state: State
    reason: str | None
    position: int
    interruptions: int
    due_at: datetime | None
    status_code: int | None


async def apply_decisions(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Settle deliveries that our leases still hold; they come off them."""
    delivered: dict[int | None, list[Decision]] = {}
    others = []
    for decision in decisions:
        if decision.state is State.DELIVERED:
            delivered.setdefault(decision.status_code, []).append(decision)
        else:
            others.append(decision)
    # What most come to, in one statement for all instead of one for each.
    for status_code, of_these in delivered.items():
        given = {
            "ids": [decision.delivery_id for decision in of_these],
            "leases": {decision.lease_id for decision in of_these},
            "to_status_code": status_code,
            "to_ended_at": await tx.now(),
        }
        await tx.connection.execute(_DELIVER, given)
    if others:
        now = await tx.now()
        await tx.connection.execute(_DECIDE, [_bound(decision, now) for decision in others])


def _bound(decision: Decision, now: datetime) -> dict[str, object]:
    return {
        "of_id": decision.delivery_id,
        "of_lease": decision.lease_id,
        "to_state": decision.state,
        "to_reason": decision.reason,
        "to_position": decision.position,
        "to_interruptions": decision.interruptions,
        "to_status_code": decision.status_code,
        "to_due_at": decision.due_at,
        "to_ended_at": None if decision.state in OPEN else now,
    }


_STATUS_CODE: Final = bindparam("to_status_code", type_=deliveries.c.status_code.type)
_ENDED_AT: Final = bindparam("to_ended_at", type_=deliveries.c.ended_at.type)
_DELIVER: Final = (
    update(deliveries)
    .prefix_with(OR_FAIL, dialect="sqlite")
    .where(
        among(deliveries.c.id, ids_called("ids")),
        among(deliveries.c.lease_id, ids_called("leases")),
    )
    .values(
        state=State.DELIVERED,
        reason=None,
        interruptions=0,
        status_code=_STATUS_CODE,
        ended_at=_ENDED_AT,
        lease_id=None,
    )
)
_DECIDE: Final = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_id"), deliveries.c.lease_id == bindparam("of_lease"))
    .values(
        state=bindparam("to_state"),
        reason=bindparam("to_reason"),
        position=bindparam("to_position"),
        interruptions=bindparam("to_interruptions"),
        status_code=_STATUS_CODE,
        due_at=func.coalesce(
            bindparam("to_due_at", type_=deliveries.c.due_at.type), deliveries.c.due_at
        ),
        ended_at=_ENDED_AT,
        lease_id=None,
    )
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
