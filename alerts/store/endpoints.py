"""Endpoints, their secrets and their subscriptions."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    cast,
    func,
    insert,
    select,
    true,
    update,
)

from alerts.domain.deliveries import Channel, DisableReason, EndpointState, Order
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Filter
from alerts.store.among import among, ids_called
from alerts.store.cipher import keyed_hash
from alerts.store.digests import find_schedule, plan_digest
from alerts.store.engine import Transaction, insert_into
from alerts.store.events import current_sequence
from alerts.store.lanes import bring_slot_nearer
from alerts.store.quiet import bring_forward, find_spared
from alerts.store.rows import record_of
from alerts.store.subscriptions import (
    add_subscriptions,
    change_subscriptions,
    restart_subscriptions,
)
from alerts.store.tables import (
    endpoints,
    lanes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An endpoint as sending needs it; what it wants, which may name 10,000 tokens, is not here.

    address and headers: ciphertext; the vault reads them.
    rate_limit: sends per second, None is unlimited.
    retry_schedule_seconds: the wait before each attempt, None is the service's own.
    role: of a Discord server, that its digest mentioned when this was read.
    time_zone: IANA, None where none was chosen; there are no quiet_hours without one.
    cooldown_seconds: nothing more of a token and kind for so long; None: it is told each change.
    """

    id: str
    app_id: str
    channel: Channel
    address: bytes
    description: str
    state: EndpointState
    rate_limit: float | None
    order: Order
    time_to_live_seconds: int
    retry_schedule_seconds: tuple[float, ...] | None
    headers: bytes | None
    role: str | None = None
    time_zone: str | None = None
    quiet_hours: QuietHours | None = None
    cooldown_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecord(Recipient):
    """An endpoint as stored. digest: the block as given, or None."""

    disabled_reason: DisableReason | None
    state_since: datetime
    filter: Filter
    digest: Mapping[str, object] | None
    created_at: datetime


# Part of the digest, which itself may name 10,000 tokens and is not read where it is sent.
_ROLE: Final = endpoints.c.digest["role"].as_string().label("role")


def _column(name: str) -> ColumnElement[Any]:
    return endpoints.c[name] if name != "role" else _ROLE


# What is stored as it is, and may change.
_CHANGEABLE: Final = (
    *("description", "state", "disabled_reason", "state_since", "digest", "rate_limit", "order"),
    *("time_to_live_seconds", "retry_schedule_seconds", "headers", "time_zone"),
    "cooldown_seconds",
)


# A filter and a digest come as they are stored, in JSON: the driver would read all at once.
_JSON: Final = ("filter", "digest")
_WHOLE: Final = tuple(
    cast(column, Text).label(column.name) if column.name in _JSON else column
    for column in (_column(field.name) for field in fields(EndpointRecord))
)
_filters: Final = msgspec.json.Decoder(Filter)
_RECIPIENTS: Final = select(*(_column(field.name) for field in fields(Recipient))).where(
    among(endpoints.c.id, ids_called("ids"))
)


async def insert_endpoint(
    tx: Transaction, record: EndpointRecord, *, address_hash: str, pool: str | None = None
) -> bool:
    """Make an endpoint with its lane and subscriptions; False if the app has that address."""
    values = {
        "id": record.id,
        "app_id": record.app_id,
        "channel": record.channel,
        "address": record.address,
        "address_hash": address_hash,
        "created_at": record.created_at,
        **_values(record),
    }
    statement = insert_into(tx, endpoints).values(values).on_conflict_do_nothing()
    if (await tx.connection.execute(statement)).rowcount != 1:
        return False
    await tx.connection.execute(insert(lanes), [{"endpoint_id": record.id, "pool": pool}])
    await plan_digest(tx, record.id, record.digest)
    await add_subscriptions(tx, record.id, record.filter, since=await current_sequence(tx))
    return True


async def update_endpoint(
    tx: Transaction, record: EndpointRecord, *, old: Filter, since: int, is_resumed: bool
) -> None:
    """Store an endpoint's new settings; the address does not change here.

    old: its filter until now. since: the number of the event after which starts what a filter
    newly asks for, and everything when `is_resumed`.
    """
    schedule, spared = await find_schedule(tx, record.id), await find_spared(tx, record.id)
    await tx.connection.execute(
        update(endpoints).where(endpoints.c.id == record.id).values(_values(record))
    )
    await bring_slot_nearer(tx, record.id, record.rate_limit)
    if schedule != await find_schedule(tx, record.id):
        await plan_digest(tx, record.id, record.digest)
    if spared != await find_spared(tx, record.id):
        await bring_forward(tx, record.id)
    if is_resumed:
        await restart_subscriptions(tx, record.id, record.filter, since=since)
    else:
        await change_subscriptions(tx, record.id, old=old, new=record.filter, since=since)


async def disable_endpoint(tx: Transaction, endpoint_id: str, reason: DisableReason) -> bool:
    """Close an endpoint; False if it was not active."""
    closed = await tx.connection.execute(
        update(endpoints)
        .where(endpoints.c.id == endpoint_id, endpoints.c.state == EndpointState.ACTIVE)
        .values(state=EndpointState.DISABLED, disabled_reason=reason, state_since=await tx.now())
    )
    return closed.rowcount == 1


async def move_endpoint(tx: Transaction, endpoint_id: str, address: bytes, *, hashed: str) -> bool:
    """Give an endpoint a new address (ciphertext, hash); False if its app has that one already."""
    taken = endpoints.alias("taken")
    own = select(endpoints.c.app_id).where(endpoints.c.id == endpoint_id).scalar_subquery()
    query = select(taken.c.id).where(
        taken.c.app_id == own, taken.c.address_hash == hashed, taken.c.id != endpoint_id
    )
    if (await tx.connection.execute(query)).first() is not None:
        return False
    await tx.connection.execute(
        update(endpoints)
        .where(endpoints.c.id == endpoint_id)
        .values(address=address, address_hash=hashed)
    )
    return True


async def lock_lanes_of(tx: Transaction, app_id: str) -> None:
    """Hold all lanes of an app to the end of the transaction, in the order that all keep."""
    await tx.connection.execute(
        select(lanes.c.endpoint_id)
        .join_from(lanes, endpoints, endpoints.c.id == lanes.c.endpoint_id)
        .where(endpoints.c.app_id == app_id)
        .order_by(lanes.c.endpoint_id)
        .with_for_update(of=lanes)
    )


async def find_endpoint(
    tx: Transaction, endpoint_id: str, *, app_id: str | None, locked: bool = False
) -> EndpointRecord | None:
    """An endpoint by id. app_id: only if it is this app's. locked: nobody else changes it."""
    query = select(*_WHOLE).where(endpoints.c.id == endpoint_id, _of_app(app_id))
    return await _one(tx, query.with_for_update() if locked else query)


async def find_recipients(tx: Transaction, ids: Iterable[str]) -> dict[str, Recipient]:
    """Endpoints by id, as sending needs them."""
    rows = await tx.connection.execute(_RECIPIENTS, {"ids": list(ids)})
    return {row.id: record_of(row, Recipient) for row in rows}


async def find_address(
    tx: Transaction, *, app_id: str, channel: Channel, address_hash: str
) -> EndpointRecord | None:
    """An app's endpoint at an address."""
    query = select(*_WHOLE).where(
        endpoints.c.app_id == app_id,
        endpoints.c.channel == channel,
        endpoints.c.address_hash == address_hash,
    )
    return await _one(tx, query)


async def list_at_address(
    tx: Transaction, *, channel: Channel, address_hash: str
) -> list[EndpointRecord]:
    """Every app's endpoint at an address, the oldest first."""
    query = select(*_WHOLE).where(
        endpoints.c.address_hash == address_hash, endpoints.c.channel == channel
    )
    return await _records(tx, query.order_by(endpoints.c.id))


async def ids_at_address(tx: Transaction, address_hash: str) -> list[str]:
    """Every app's endpoint at an address, by id."""
    query = select(endpoints.c.id).where(endpoints.c.address_hash == address_hash)
    return list((await tx.connection.execute(query.order_by(endpoints.c.id))).scalars())


async def list_endpoints(
    tx: Transaction,
    *,
    app_id: str | None,
    before: str | None,
    limit: int,
    channel: Channel | None = None,
) -> list[EndpointRecord]:
    """Endpoints newest first, those with an id below `before`.

    app_id, channel: None is every app's, and on any.
    """
    query = select(*_WHOLE).where(_of_app(app_id)).order_by(endpoints.c.id.desc()).limit(limit)
    if channel is not None:
        query = query.where(endpoints.c.channel == channel)
    if before is not None:
        query = query.where(endpoints.c.id < before)
    return await _records(tx, query)


def address_hash(lookup_key: bytes, address: str) -> str:
    """The hash an address is found by."""
    return keyed_hash(lookup_key, address)


async def count_endpoints(tx: Transaction, state: EndpointState) -> int:
    """How many endpoints are in a state."""
    query = select(func.count()).select_from(endpoints).where(endpoints.c.state == state)
    return (await tx.connection.execute(query)).scalar_one()


def _of_app(app_id: str | None) -> ColumnElement[bool]:
    return true() if app_id is None else endpoints.c.app_id == app_id


def _values(record: EndpointRecord) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(record, name) for name in _CHANGEABLE}
    return values | {
        "filter": msgspec.to_builtins(record.filter),
        "quiet_hours": msgspec.to_builtins(record.quiet_hours),
    }


async def _records(tx: Transaction, query: Select[tuple[object, ...]]) -> list[EndpointRecord]:
    """Endpoints whole. Each may name 10,000 tokens, so they are read in a thread, one by one."""
    rows = (await tx.connection.execute(query)).all()
    return await asyncio.to_thread(lambda: [_endpoint(row) for row in rows])


async def _one(tx: Transaction, query: Select[tuple[object, ...]]) -> EndpointRecord | None:
    found = await _records(tx, query)
    return found[0] if found else None


def _endpoint(row: Row[tuple[object, ...]]) -> EndpointRecord:
    digest = None if row.digest is None else msgspec.json.decode(row.digest)
    return record_of(row, EndpointRecord, filter=_filters.decode(row.filter), digest=digest)
