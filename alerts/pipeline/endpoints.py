"""Endpoints: made, changed, tested and ended on behalf of an app."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import msgspec

from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel, EndpointState, Order
from alerts.domain.grades import TokenId
from alerts.domain.ids import ENDPOINT
from alerts.domain.subscriptions import Filter
from alerts.errors import Conflict, InvalidInput, NotFound
from alerts.pipeline.change import apply_change
from alerts.pipeline.naming import resolve_tokens
from alerts.pipeline.retain import clear_away
from alerts.store.answers import Keep, keep_nothing
from alerts.store.apps import find_app
from alerts.store.endpoints import (
    EndpointRecord,
    address_hash,
    find_endpoint,
    insert_endpoint,
    move_endpoint,
)
from alerts.store.engine import Store, Transaction
from alerts.store.fan_out import lock_lanes
from alerts.store.lanes import hasten
from alerts.store.removal import remove_endpoints
from alerts.store.secrets import add_secret

_TAKEN: Final = "this app has an endpoint with this URL already"
# 32 bytes, as Standard Webhooks asks for 24 to 64.
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Desk:
    """What making endpoints takes. vet_url, vet_discord and vet_headers raise InvalidInput.

    vet_url looks names up, and vet_discord asks Discord, which may raise PlatformSilent; so neither
    is called within a transaction. Each gives the address as it is kept. link_chat, which asks
    Telegram likewise, gives the address that opens our bot with a code.
    lookup_key: addresses are found by a hash under it. fresh_secret: raw bytes, new each time.
    """

    store: Store
    lookup_key: bytes
    vet_url: Callable[[str], Awaitable[str]]
    vet_discord: Callable[[str], Awaitable[str]]
    link_chat: Callable[[str], Awaitable[str]]
    vet_headers: Callable[[Mapping[str, str]], tuple[tuple[str, str], ...]]
    fresh_secret: Callable[[int], bytes]

    def seal_address(self, address: str) -> tuple[bytes, str]:
        """An address as it is stored: ciphertext and hash."""
        return self.store.cipher.encrypt(address.encode()), address_hash(self.lookup_key, address)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner asks for. tokens: identities or symbols, None for all.

    rate_limit: sends per second. time_to_live: how long news stays news.
    rate_limit, order, time_to_live: None for the channel's own (domain/channels.py).
    retry_schedule_seconds: the wait before each attempt, None for the service's own.
    cooldown_seconds: None for none.
    """

    description: str = ""
    wanted: Filter = dataclasses.field(default_factory=Filter)
    tokens: Sequence[str] | None = None
    digest: Mapping[str, object] | None = None
    rate_limit: float | None = None
    order: Order | None = None
    time_to_live: timedelta | None = None
    retry_schedule_seconds: Sequence[float] | None = None
    cooldown_seconds: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """A new endpoint and its signing secret, which is shown this once."""

    endpoint: EndpointRecord
    secret: bytes


async def create_webhook(
    app_id: str, url: str, wish: Wish, *, desk: Desk, keep: Keep[Made] = keep_nothing
) -> Made:
    """A webhook endpoint of an app.

    Raises InvalidInput, Conflict if the app has that URL, or NotFound if there is no such app.
    """
    address = await desk.vet_url(url)
    secret = desk.fresh_secret(SECRET_BYTES)
    tokens = await token_ids(wish.tokens, desk)
    async with desk.store.write() as tx:
        place = (Channel.WEBHOOK, address)
        record = await add_endpoint(tx, app_id, wish, place=place, tokens=tokens, desk=desk)
        sealed = desk.store.cipher.encrypt(secret)
        await add_secret(tx, record.id, sealed, older_expire_at=None)
        made = Made(record, secret)
        await keep(tx, made)
    return made


async def create_discord(
    app_id: str, address: str, wish: Wish, *, desk: Desk, keep: Keep[EndpointRecord] = keep_nothing
) -> EndpointRecord:
    """An endpoint of an app on Discord, where nothing is signed. address: as `vet_discord` has it.

    Raises InvalidInput, Conflict if the app has that address, or NotFound without such an app.
    """
    tokens = await token_ids(wish.tokens, desk)
    async with desk.store.write() as tx:
        place = (Channel.DISCORD, address)
        record = await add_endpoint(tx, app_id, wish, place=place, tokens=tokens, desk=desk)
        await keep(tx, record)
    return record


async def change_endpoint(
    endpoint_id: str,
    change: Callable[[EndpointRecord], EndpointRecord],
    *,
    app_id: str | None,
    desk: Desk,
    tokens: Sequence[str] | None = (),
    url: str | None = None,
) -> EndpointRecord:
    """Apply a change to an endpoint. tokens: new ones to resolve, None for all, () to keep.

    url: where to send from now on, what failed at the old one at once; None to keep.
    Raises NotFound, InvalidInput, PlatformSilent, or Conflict if the app has that URL already.
    """
    address = None if url is None else await _moved(endpoint_id, url, app_id=app_id, desk=desk)
    keeps_tokens = tokens == ()
    resolved = None if keeps_tokens else await token_ids(tokens, desk)
    async with desk.store.write() as tx:
        # Whoever settles for an endpoint holds its lane, and only then wants its row.
        await lock_lanes(tx, [endpoint_id])
        old = await _own(tx, endpoint_id, app_id)
        new = change(old)
        if address is not None:
            await _move(tx, old, address)
            await hasten(tx, endpoint_id)
            new = replace(new, address=address[0])
        if not keeps_tokens:
            new = replace(new, filter=replace(new.filter, tokens=resolved))
        return await apply_change(tx, old, new, is_moved=address is not None)


async def pause(endpoint_id: str, *, app_id: str | None, desk: Desk) -> EndpointRecord:
    """Send nothing until it is enabled again; what comes meanwhile is logged as skipped.

    Raises NotFound, or Conflict for an endpoint that we disabled.
    """

    def change(old: EndpointRecord) -> EndpointRecord:
        if old.state is EndpointState.DISABLED:
            raise Conflict("this endpoint is disabled; enable it before pausing it")
        return replace(old, state=EndpointState.PAUSED)

    return await change_endpoint(endpoint_id, change, app_id=app_id, desk=desk)


async def enable(endpoint_id: str, *, app_id: str | None, desk: Desk) -> EndpointRecord:
    """Take a paused or disabled endpoint back into service, from the present event on."""

    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, state=EndpointState.ACTIVE, disabled_reason=None)

    return await change_endpoint(endpoint_id, change, app_id=app_id, desk=desk)


async def remove(endpoint_id: str, *, app_id: str | None, desk: Desk) -> None:
    """Delete an endpoint with its subscriptions, secrets and log. Raises NotFound.

    It is gone with the first transaction; what is cut off after that, `retain` takes up.
    """
    async with desk.store.write() as tx:
        # Not locked: whoever closes an endpoint holds its lane, and only then wants its row.
        if await find_endpoint(tx, endpoint_id, app_id=app_id) is None:
            raise NotFound("endpoint", endpoint_id)
        await remove_endpoints(tx, [endpoint_id])
    await clear_away([endpoint_id], store=desk.store)


def seal_headers(channel: Channel, headers: Mapping[str, str], *, desk: Desk) -> bytes | None:
    """An endpoint's own headers as they are stored. Raises InvalidInput."""
    if not headers:
        return None
    if not TERMS[channel].takes_headers:
        raise InvalidInput("headers", f"are for webhooks; {channel.value} takes none")
    return desk.store.cipher.encrypt(msgspec.json.encode(desk.vet_headers(headers)))


def _tuple(seconds: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if seconds is None else tuple(seconds)


async def add_endpoint(
    tx: Transaction,
    app_id: str,
    wish: Wish,
    *,
    place: tuple[Channel, str],
    tokens: tuple[TokenId, ...] | None,
    desk: Desk,
) -> EndpointRecord:
    """Write a new endpoint. place: its channel, and its address as it is kept.

    Raises InvalidInput, Conflict if the app has that address, or NotFound without such an app.
    """
    if await find_app(tx, app_id, locked=True) is None:
        raise NotFound("app", app_id)
    channel, address = place
    terms = TERMS[channel]
    life = terms.time_to_live if wish.time_to_live is None else wish.time_to_live
    ciphertext, hashed = desk.seal_address(address)
    now = await tx.now()
    record = EndpointRecord(
        id=await tx.new_id(ENDPOINT),
        app_id=app_id,
        channel=channel,
        address=ciphertext,
        description=wish.description,
        state=EndpointState.ACTIVE,
        disabled_reason=None,
        state_since=now,
        filter=replace(wish.wanted, tokens=tokens),
        digest=wish.digest,
        rate_limit=terms.rate(wish.rate_limit),
        order=terms.order if wish.order is None else wish.order,
        time_to_live_seconds=int(life.total_seconds()),
        retry_schedule_seconds=_tuple(wish.retry_schedule_seconds),
        cooldown_seconds=wish.cooldown_seconds,
        headers=seal_headers(channel, wish.headers, desk=desk),
        created_at=now,
    )
    if not await insert_endpoint(tx, record, address_hash=hashed, pool=terms.pool):
        raise Conflict(_TAKEN, field="url")
    return record


async def token_ids(tokens: Sequence[str] | None, desk: Desk) -> tuple[TokenId, ...] | None:
    """Tokens by their ids. Raises InvalidInput.

    Ten thousand names take a while: nobody else's writing waits for it.
    """
    async with desk.store.read() as tx:
        return await resolve_tokens(tx, tokens)


async def _moved(
    endpoint_id: str, url: str, *, app_id: str | None, desk: Desk
) -> tuple[bytes, str]:
    """A new address, sealed, judged as the endpoint's channel judges it."""
    async with desk.store.read() as tx:
        found = await find_endpoint(tx, endpoint_id, app_id=app_id)
    if found is None:
        raise NotFound("endpoint", endpoint_id)
    vet = desk.vet_discord if found.channel is Channel.DISCORD else desk.vet_url
    return desk.seal_address(await vet(url))


async def _move(tx: Transaction, endpoint: EndpointRecord, sealed: tuple[bytes, str]) -> None:
    if endpoint.channel is Channel.TELEGRAM:
        raise InvalidInput("url", "is not for this channel, whose address is linked, not set")
    if not await move_endpoint(tx, endpoint.id, sealed[0], hashed=sealed[1]):
        raise Conflict(_TAKEN, field="url")


async def _own(tx: Transaction, endpoint_id: str, app_id: str | None) -> EndpointRecord:
    endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id, locked=True)
    if endpoint is None:
        raise NotFound("endpoint", endpoint_id)
    return endpoint
