"""Apps and their keys."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row, and_, bindparam, delete, insert, select, update

from alerts.domain.events import AudienceKind
from alerts.store.engine import Transaction, insert_into
from alerts.store.rows import record_of
from alerts.store.tables import EPOCH, apps, events, keys, stored_answers


@dataclass(frozen=True, slots=True)
class AppRecord:
    """A tenant. created_at: None of the one that came with the database."""

    id: str
    name: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key. hint: its last characters. sources: those an `ingest` key may push to."""

    id: str
    app_id: str
    hint: str
    description: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


async def insert_app(tx: Transaction, record: AppRecord) -> bool:
    """Make an app; False if the name is taken."""
    statement = insert_into(tx, apps).values(
        id=record.id, name=record.name, created_at=record.created_at
    )
    made = await tx.connection.execute(statement.on_conflict_do_nothing())
    return made.rowcount == 1


async def find_app(tx: Transaction, app_id: str, *, locked: bool = False) -> AppRecord | None:
    """An app by id. locked: it is not deleted, and nothing is made for it, until the commit.

    Its row is locked before any lane: an app that goes takes its lanes along.
    """
    query = select(apps).where(apps.c.id == app_id)
    if locked:
        query = query.with_for_update()
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else _app(row)


async def list_apps(tx: Transaction, *, before: str | None, limit: int) -> list[AppRecord]:
    """Apps newest first, those with an id below `before`."""
    query = select(apps).order_by(apps.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(apps.c.id < before)
    return [_app(row) for row in await tx.connection.execute(query)]


async def delete_app(tx: Transaction, app_id: str) -> None:
    """Remove an app, its keys and what it was told and answered; its endpoints go before."""
    told = and_(events.c.audience == AudienceKind.APP, events.c.audience_id == app_id)
    await tx.connection.execute(delete(events).where(told))
    await tx.connection.execute(delete(keys).where(keys.c.app_id == app_id))
    await tx.connection.execute(delete(stored_answers).where(stored_answers.c.app_id == app_id))
    await tx.connection.execute(delete(apps).where(apps.c.id == app_id))


async def insert_key(tx: Transaction, record: KeyRecord, key_hash: str) -> None:
    """Keep a key by its hash."""
    values = {
        "id": record.id,
        "app_id": record.app_id,
        "hash": key_hash,
        "hint": record.hint,
        "description": record.description,
        "scopes": record.scopes,
        "sources": record.sources,
        "created_at": record.created_at,
    }
    await tx.connection.execute(insert(keys), [values])


async def find_key_by_hash(tx: Transaction, key_hash: str) -> KeyRecord | None:
    """A live key by its hash."""
    query = select(keys).where(keys.c.hash == key_hash, keys.c.revoked_at.is_(None))
    row = (await tx.connection.execute(query)).one_or_none()
    return None if row is None else _key(row)


async def find_key(tx: Transaction, key_id: str) -> KeyRecord | None:
    """A key by id, revoked ones too."""
    row = (await tx.connection.execute(select(keys).where(keys.c.id == key_id))).one_or_none()
    return None if row is None else _key(row)


async def list_keys(
    tx: Transaction, *, app_id: str | None, before: str | None, limit: int
) -> list[KeyRecord]:
    """Keys newest first, revoked ones too."""
    query = select(keys).order_by(keys.c.id.desc()).limit(limit)
    if app_id is not None:
        query = query.where(keys.c.app_id == app_id)
    if before is not None:
        query = query.where(keys.c.id < before)
    return [_key(row) for row in await tx.connection.execute(query)]


async def touch_keys(tx: Transaction, used: Mapping[str, datetime]) -> None:
    """Note when keys were used, by id; in order, so that two processes do not deadlock."""
    statement = update(keys).where(keys.c.id == bindparam("key_id"))
    rows = [{"key_id": key_id, "used_at": at} for key_id, at in sorted(used.items())]
    if rows:
        await tx.connection.execute(statement.values(last_used_at=bindparam("used_at")), rows)


async def revoke_key(tx: Transaction, key_id: str) -> bool:
    """End a key; False if it was ended or is not there."""
    revoked = await tx.connection.execute(
        update(keys)
        .where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        .values(revoked_at=await tx.now())
    )
    return revoked.rowcount == 1


def _app(row: Row[tuple[object, ...]]) -> AppRecord:
    record = record_of(row, AppRecord)
    # One is part of the schema, which knows no time.
    return replace(record, created_at=None) if record.created_at == EPOCH else record


def _key(row: Row[tuple[object, ...]]) -> KeyRecord:
    return record_of(row, KeyRecord)
