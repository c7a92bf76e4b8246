"""Tell: events that are not matched, but go to an app or to one endpoint."""

from datetime import datetime

from alerts.domain.events import Audience, AudienceKind, Draft
from alerts.store.endpoints import find_recipients
from alerts.store.engine import Transaction
from alerts.store.events import append
from alerts.store.fan_out import lock_lanes, owe


async def tell_endpoint(tx: Transaction, draft: Draft, *, due_at: datetime | None = None) -> None:
    """Make an event durable and owe it to the one endpoint that it is for. due_at: None is now.

    Locks the lane first and the event counter last: the order that all transactions keep.
    """
    (endpoint_id,) = _whose(draft, AudienceKind.ENDPOINT)
    await lock_lanes(tx, [endpoint_id])
    records = await append(tx, [draft])
    found = await find_recipients(tx, [endpoint_id])
    await owe(
        tx,
        [(record, found[endpoint_id]) for record in records if endpoint_id in found],
        due_at=due_at,
    )


async def tell_app(tx: Transaction, draft: Draft) -> None:
    """Make an event for an app durable; fan-out owes it to the app's webhook endpoints."""
    _whose(draft, AudienceKind.APP)
    await append(tx, [draft])


def to_app(app_id: str) -> Audience:
    """The audience that is one app."""
    return Audience(AudienceKind.APP, app_id)


def to_endpoint(endpoint_id: str) -> Audience:
    """The audience that is one endpoint."""
    return Audience(AudienceKind.ENDPOINT, endpoint_id)


def _whose(draft: Draft, kind: AudienceKind) -> tuple[str]:
    if draft.audience.kind is not kind or draft.audience.id is None:
        raise ValueError(f"{draft.type} is not for one {kind.value}")
    return (draft.audience.id,)
