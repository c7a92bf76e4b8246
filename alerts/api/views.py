"""Views: what is stored of an endpoint, put together as its owner sees it."""

import asyncio
from collections.abc import Sequence
from typing import Final, assert_never

import msgspec
from starlette.responses import Response

from alerts.api.schemas.endpoints import Endpoint
from alerts.api.schemas.health import EndpointHealth
from alerts.bootstrap import Services
from alerts.channels.discord_address import read_kept
from alerts.channels.telegram_address import read_chat
from alerts.domain.deliveries import Channel
from alerts.domain.health import Health
from alerts.errors import Undecryptable
from alerts.store.endpoints import EndpointRecord
from alerts.store.health import read_health

UNREADABLE: Final = (
    "its URL or headers cannot be read, for the key they were encrypted with is gone: nothing is "
    "sent until the operator gives it back, or you set `url` and `headers` again and rotate the "
    "secret with `overlap_seconds` 0"
)


def view_new(services: Services, record: EndpointRecord) -> Endpoint:
    """An endpoint just made."""
    return _view(services, record, EndpointHealth.of(Health(), record.created_at))


async def view_endpoint(services: Services, record: EndpointRecord) -> Endpoint:
    """An endpoint, its address decrypted."""
    (view,) = await view_endpoints(services, [record])
    return view


async def view_endpoints(services: Services, records: Sequence[EndpointRecord]) -> list[Endpoint]:
    """Endpoints in the order given, their addresses decrypted."""
    async with services.store.read() as tx:
        found = await read_health(tx, [record.id for record in records])
        now = await tx.now()
    # One that was deleted meanwhile has taken its lane along.
    return await asyncio.to_thread(
        lambda: [
            _view(services, record, EndpointHealth.of(found.get(record.id, Health()), now))
            for record in records
        ]
    )


async def json_page(views: Sequence[Endpoint], following: str | None) -> Response:
    """A page of endpoints. Each may name 10,000 tokens, so they are encoded one by one.

    In a thread, which lets others have their turn between two of them.
    """

    def encode() -> bytes:
        data = b",".join(view.model_dump_json().encode() for view in views)
        return b'{"data":[%b],"next":%b}' % (data, msgspec.json.encode(following))

    return Response(await asyncio.to_thread(encode), media_type="application/json")


def _view(services: Services, record: EndpointRecord, health: EndpointHealth) -> Endpoint:
    try:
        destination = services.rules.vault.destination(record, ())
    except Undecryptable:
        return Endpoint.of(record, url=None, headers={}, health=health, problem=UNREADABLE)
    return Endpoint.of(
        record,
        url=_shown(record.channel, destination.address),
        headers=dict(destination.headers),
        health=health,
    )


def _shown(channel: Channel, address: str) -> str | None:
    """Where it is sent, as its owner may see it again: a Discord URL is a password."""
    match channel:
        case Channel.WEBHOOK:
            return address
        case Channel.DISCORD:
            webhook = read_kept(address)
            return None if webhook is None else webhook.shown
        case Channel.TELEGRAM:
            chat = read_chat(address)
            return None if chat is None else chat.shown
        case _:
            assert_never(channel)
