"""Endpoints that are told their weeks, and what they are told."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from alerts.bootstrap import Services
from alerts.domain.digests import Digest, KindDigest, read_digest
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import change_endpoint
from alerts.store.digests import DigestRecord, find_due_at
from alerts.store.endpoints import EndpointRecord
from alerts.store.events import EventRecord
from tests.pipeline.conftest import (
    day,
    feed,
    push,
    subscribe,
)
from tests.receiver import Receiver

MONDAY: dict[str, Any] = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin"}
WEEK = timedelta(weeks=1)
UNWANTED = Filter(tokens=(TokenId("demo:nothing"),))


async def digested(services: Services, receiver: Receiver, **block: Any) -> EndpointRecord:  # noqa: ANN401
    """An endpoint that is told nothing but its weeks."""
    made = await subscribe(
        services, receiver.url(), digest=MONDAY | block, wanted=UNWANTED, tokens=["demo:nothing"]
    )
    return made.endpoint


async def due_at(services: Services, endpoint: EndpointRecord) -> datetime:
    async with services.store.read() as tx:
        found = await find_due_at(tx, endpoint.id)
    assert found is not None
    return found


async def tell(services: Services, at: datetime) -> list[DigestRecord]:
    """Everything that is due at a moment."""
    run = services.digest_run(at=at)
    records = [await run.tell(endpoint_id) for endpoint_id in await run.due()]
    return [record for record in records if record is not None]


async def event_of(services: Services, record: DigestRecord) -> EventRecord:
    (event,) = [event for event in await feed(services) if event.id == record.event_id]
    return event


async def told(services: Services, record: DigestRecord) -> Digest:
    return read_digest(json.loads((await event_of(services, record)).body)["data"])


async def trader(services: Services, record: DigestRecord) -> KindDigest:
    (kind,) = [k for k in (await told(services, record)).kinds if k.kind is Kind.TRADER]
    return kind


async def a_week_of_changes(services: Services) -> None:
    await push(services, day(0), {"up": 50, "down": 50, "there_and_back": 50, "still": 50})
    await push(services, day(1), {"up": 70, "down": 30, "there_and_back": 70, "still": 52})
    await push(services, day(2), {"up": 90, "down": 35, "there_and_back": 50, "still": 54})


async def set_digest(
    services: Services, endpoint: EndpointRecord, block: dict[str, Any] | None
) -> None:
    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, digest=block)

    await change_endpoint(endpoint.id, change, app_id=HOUSE_APP, desk=services.desk)
