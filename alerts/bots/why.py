"""Why (not): what was told to places, and what became of one event there.

What that is called, and what of it a person can mend, each platform says in its own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import Miss
from alerts.pipeline.replay import explain
from alerts.store.deliveries import AttemptRecord, DeliveryRecord, attempts_at
from alerts.store.digests import last_digest
from alerts.store.endpoints import EndpointRecord
from alerts.store.engine import Transaction
from alerts.store.events import EventRecord, last_band_change, last_by_rule
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.tokens import TokenRecord, find_token


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an event for an endpoint.

    delivery: None where none was made. miss: what the subscriptions of today fail on then.
    detail: what the last try that had something to say said of itself; empty where none did.
    """

    delivery: DeliveryRecord | None = None
    miss: Miss | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was, or was not, told: of what, and what became of it.

    A week in which there was nothing to say has a fate without a delivery.
    """

    at: datetime
    event_type: EventType
    token: TokenRecord | None
    kind: Kind | None
    fate: Fate


async def told_lately(endpoint: EndpointRecord, *, most: int, services: Services) -> list[Told]:
    """The last things owed to an endpoint, and a week in which there was nothing to say.

    The newest first, and `most` at most.
    """
    wanted = LogFilter(endpoint_id=endpoint.id)
    async with services.store.read() as tx:
        app_id = endpoint.app_id
        records = await list_deliveries(tx, wanted, app_id=app_id, before=None, limit=most)
        tries = await attempts_at(tx, [each.id for each in records])
        found = [await _told(tx, each, tries.get(each.id, ())) for each in records]
        week = await last_digest(tx, endpoint.id)
    if week is not None and week.event_id is None:
        found.append(Told(week.scheduled_at, EventType.DIGEST_WEEKLY, None, None, Fate()))
    return sorted(found, key=lambda told: told.at, reverse=True)[:most]


async def last_change(token: TokenId, *, services: Services) -> EventRecord | None:
    """The newest upgrade or downgrade of a token."""
    async with services.store.read() as tx:
        return await last_band_change(tx, token=token)


async def last_changes(
    token: TokenId, endpoints: Sequence[EndpointRecord], *, services: Services
) -> list[EventRecord]:
    """The newest upgrade or downgrade of a token, and the newest event that a rule of these is of.

    endpoints: those without such a rule for this token have a part in the first alone. The newest
    first.
    """
    filters = [each.filter for each in endpoints]
    async with services.store.read() as tx:
        change = await last_band_change(tx, token=token)
        ruled = [
            await last_by_rule(tx, token, wanted)
            for wanted in filters
            if wanted.tokens is None or token in wanted.tokens
        ]
    newest = max((each for each in ruled if each is not None), key=_number, default=None)
    found = [each for each in (change, newest) if each is not None]
    return sorted(found, key=_number, reverse=True)


def _number(event: EventRecord) -> int:
    return event.sequence


async def fate_of(event: EventRecord, endpoint: EndpointRecord, *, services: Services) -> Fate:
    """What became of an event for an endpoint; no delivery and no miss: it is on its way."""
    found = await explain(endpoint.id, event.id, app_id=endpoint.app_id, store=services.store)
    if found.delivery is None:
        return Fate(miss=found.miss)
    async with services.store.read() as tx:
        tries = await attempts_at(tx, [found.delivery.id])
    return Fate(found.delivery, detail=_detail(tries.get(found.delivery.id, ())))


async def _told(tx: Transaction, record: DeliveryRecord, tries: Sequence[AttemptRecord]) -> Told:
    return Told(
        at=record.recorded_at,
        event_type=EventType(record.event_type),
        token=None if record.token is None else await find_token(tx, record.token),
        kind=record.kind,
        fate=Fate(record, detail=_detail(tries)),
    )


def _detail(tries: Sequence[AttemptRecord]) -> str:
    return next((each.detail for each in reversed(tries) if each.detail), "")
