"""Tell: events that are not matched, but go to an app or to named endpoints."""

from collections.abc import Sequence

from alerts.domain.events import Audience, AudienceKind, Draft
from alerts.store.endpoints import find_recipients, webhook_endpoint_ids
from alerts.store.engine import Transaction
from alerts.store.events import append
from alerts.store.fan_out import lock_lanes, owe


async def tell(tx: Transaction, letters: Sequence[tuple[Draft, Sequence[str]]]) -> None:
    """Make events durable, each owed to the endpoints named beside it, in one transaction.

    Locks the lanes first and the event counter last: the order that all transactions keep.
    """
    endpoint_ids = sorted({endpoint_id for _, ids in letters for endpoint_id in ids})
    if endpoint_ids:
        await lock_lanes(tx, endpoint_ids)
    records = await append(tx, [draft for draft, _ in letters])
    recipients = {draft.id: ids for draft, ids in letters}
    endpoints = await find_recipients(tx, endpoint_ids) if endpoint_ids else {}
    pairs = [
        (record, endpoints[endpoint_id])
        for record in records
        for endpoint_id in recipients[record.id]
        if endpoint_id in endpoints
    ]
    await owe(tx, pairs)


async def tell_app(tx: Transaction, draft: Draft, *, besides: str | None = None) -> None:
    """Tell an app through all its webhook endpoints. besides: not the one it is about."""
    audience = draft.audience
    if audience.kind is not AudienceKind.APP or audience.id is None:
        raise ValueError("tell_app tells an app")
    ids = await webhook_endpoint_ids(tx, audience.id)
    await tell(tx, [(draft, [endpoint_id for endpoint_id in ids if endpoint_id != besides])])


def to_app(app_id: str) -> Audience:
    """The audience that is one app."""
    return Audience(AudienceKind.APP, app_id)


def to_endpoint(endpoint_id: str) -> Audience:
    """The audience that is one endpoint."""
    return Audience(AudienceKind.ENDPOINT, endpoint_id)
