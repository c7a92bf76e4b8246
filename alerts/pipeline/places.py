"""Places: endpoints where our own bot speaks, found by where they are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.domain.deliveries import Channel, DisableReason, EndpointState
from alerts.domain.ids import HOUSE_APP
from alerts.errors import Undecryptable
from alerts.pipeline.endpoints import Desk, change_endpoint
from alerts.pipeline.health import close_endpoint
from alerts.store.endpoints import (
    EndpointRecord,
    address_hash,
    find_address,
    list_at_address,
    list_endpoints,
)
from alerts.store.fan_out import lock_lanes

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint with its address, decrypted."""

    address: str
    endpoint: EndpointRecord


async def find_place(address: str, *, channel: Channel, desk: Desk) -> EndpointRecord | None:
    """The house's endpoint at an address."""
    hashed = address_hash(desk.lookup_key, address)
    async with desk.store.read() as tx:
        return await find_address(tx, app_id=HOUSE_APP, channel=channel, address_hash=hashed)


async def all_at(address: str, *, channel: Channel, desk: Desk) -> list[EndpointRecord]:
    """Every app's endpoint at an address, the oldest first."""
    hashed = address_hash(desk.lookup_key, address)
    async with desk.store.read() as tx:
        return await list_at_address(tx, channel=channel, address_hash=hashed)


async def list_places(
    *, channel: Channel, desk: Desk, app_id: str | None = HOUSE_APP
) -> list[Place]:
    """All endpoints on a channel; those that cannot be read are left out. app_id: None for any."""
    found: list[Place] = []
    before: str | None = None
    while True:
        async with desk.store.read() as tx:
            page = await list_endpoints(
                tx, app_id=app_id, before=before, limit=_PAGE, channel=channel
            )
        found += [place for each in page if (place := _place(each, desk)) is not None]
        if len(page) < _PAGE:
            return found
        before = page[-1].id


async def close_places(
    places: Sequence[Place], reason: DisableReason, *, desk: Desk
) -> list[EndpointRecord]:
    """Disable endpoints; those that were active, whose settings are kept. Nothing more is sent."""
    closed = []
    for place in sorted(places, key=lambda each: each.endpoint.id):
        async with desk.store.write() as tx:
            await lock_lanes(tx, [place.endpoint.id])
            if await close_endpoint(tx, place.endpoint.id, reason):
                closed.append(place.endpoint)
    return closed


async def reopen_places(
    places: Sequence[Place], reasons: Collection[DisableReason], *, desk: Desk
) -> list[EndpointRecord]:
    """Take back into service what was disabled for one of these reasons, from the present on."""

    def change(old: EndpointRecord) -> EndpointRecord:
        if old.state is not EndpointState.DISABLED or old.disabled_reason not in reasons:
            return old
        return replace(old, state=EndpointState.ACTIVE, disabled_reason=None)

    closed = [place.endpoint for place in places if place.endpoint.disabled_reason in reasons]
    return [
        await change_endpoint(each.id, change, app_id=each.app_id, desk=desk) for each in closed
    ]


def _place(endpoint: EndpointRecord, desk: Desk) -> Place | None:
    try:
        return Place(desk.store.cipher.decrypt(endpoint.address).decode(), endpoint)
    except Undecryptable:
        return None
