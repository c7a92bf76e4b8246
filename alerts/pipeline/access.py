"""Access: who is calling, and what they may do."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.domain.events import rfc3339
from alerts.domain.grades import source_name
from alerts.domain.ids import APP, HOUSE_APP, KEY
from alerts.errors import Conflict, Denied, InvalidInput, NotFound
from alerts.pipeline.retain import clear_away
from alerts.pipeline.uses import Uses
from alerts.store.answers import Keep, keep_nothing
from alerts.store.apps import (
    AppRecord,
    KeyRecord,
    delete_app,
    find_app,
    find_key,
    find_key_by_hash,
    insert_app,
    insert_key,
    revoke_key,
)
from alerts.store.endpoints import lock_lanes_of
from alerts.store.engine import Store
from alerts.store.removal import ids_of_app, remove_endpoints

KEY_PREFIX: Final = "gb_"
KEY_BYTES: Final = 24
LONGEST_NAME: Final = 120


class Scope(StrEnum):
    """What a key may do; `admin` includes the others."""

    READ = "read"
    WRITE = "write"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. sources: those it may push cycles to, None is any not polled."""

    app_id: str
    scopes: frozenset[Scope]
    sources: frozenset[str] | None
    key_id: str | None

    @property
    def reach(self) -> str | None:
        """The app whose things it sees and touches; None: every app's."""
        return None if Scope.ADMIN in self.scopes else self.app_id

    def require(self, scope: Scope) -> None:
        """Raises Denied without this scope."""
        if scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise Denied(f"this key lacks the scope {scope.value!r}", authenticated=True)

    def require_source(self, source: str) -> None:
        """Raises Denied unless it may push to this source."""
        self.require(Scope.INGEST)
        if self.sources is not None and source not in self.sources:
            named = ", ".join(sorted(self.sources)) or "none"
            problem = f"this key may not push to the source {source!r}; it may to: {named}"
            raise Denied(problem, authenticated=True)


async def authenticate(presented: str, *, admin_key: str, store: Store, uses: Uses) -> Principal:
    """The holder of a key, whose use is noted. Raises Denied for one that is unknown or revoked."""
    if hmac.compare_digest(hash_key(presented), hash_key(admin_key)):
        return Principal(HOUSE_APP, frozenset(Scope), None, None)
    async with store.read() as tx:
        record = await find_key_by_hash(tx, hash_key(presented))
        now = await tx.now()
    if record is None:
        raise Denied("this key is unknown or revoked", authenticated=False)
    uses.note(record, now)
    scopes = frozenset(Scope(scope) for scope in record.scopes)
    sources = None if Scope.ADMIN in scopes else frozenset(record.sources)
    return Principal(record.app_id, scopes, sources, record.id)


async def create_app(name: str, *, store: Store, keep: Keep[AppRecord] = keep_nothing) -> AppRecord:
    """A new tenant. Raises InvalidInput, or Conflict for a name that is taken."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput("name", "must be 1-120 printable characters")
    async with store.write() as tx:
        record = AppRecord(await tx.new_id(APP), name, await tx.now())
        if not await insert_app(tx, record):
            raise Conflict(f"there is an app named {name!r} already", field="name")
        await keep(tx, record)
    return record


async def remove_app(app_id: str, *, store: Store) -> None:
    """Delete a tenant with all that was its own. Raises NotFound, or Conflict for `house`."""
    if app_id == HOUSE_APP:
        problem = "is the operator's own and stays; delete its endpoints and keys one by one"
        raise Conflict(f"the app `house` {problem}")
    async with store.write() as tx:
        if await find_app(tx, app_id, locked=True) is None:
            raise NotFound("app", app_id)
        await lock_lanes_of(tx, app_id)
        owned = await ids_of_app(tx, app_id)
        await remove_endpoints(tx, owned)
        await delete_app(tx, app_id)
    await clear_away(owned, store=store)


async def create_key(
    app_id: str,
    *,
    scopes: Sequence[str],
    sources: Sequence[str],
    description: str,
    store: Store,
    fresh_secret: Callable[[int], bytes],
    keep: Keep[tuple[KeyRecord, str]] = keep_nothing,
) -> tuple[KeyRecord, str]:
    """A key of an app, and its text, which is shown this once. Raises InvalidInput, NotFound.

    sources: what an `ingest` key may push to; it must name at least one.
    """
    known = [scope.value for scope in Scope]
    if not scopes or not set(scopes) <= set(known):
        raise InvalidInput("scopes", f"must be one or more of {', '.join(known)}")
    if (Scope.INGEST in scopes) != bool(sources) and Scope.ADMIN not in scopes:
        raise InvalidInput("sources", "must name the sources of an `ingest` key, and only of one")
    for source in sources:
        source_name(source)
    text = KEY_PREFIX + fresh_secret(KEY_BYTES).hex()
    async with store.write() as tx:
        if await find_app(tx, app_id, locked=True) is None:
            raise NotFound("app", app_id)
        record = KeyRecord(
            id=await tx.new_id(KEY),
            app_id=app_id,
            hint=text[-4:],
            description=description[:200],
            scopes=tuple(sorted(set(scopes))),
            sources=tuple(sorted(set(sources))),
            created_at=await tx.now(),
            last_used_at=None,
            revoked_at=None,
        )
        await insert_key(tx, record, hash_key(text))
        await keep(tx, (record, text))
    return record, text


async def end_key(key_id: str, *, store: Store) -> None:
    """Revoke a key. Raises NotFound, or Conflict for one that was revoked."""
    async with store.write() as tx:
        if await revoke_key(tx, key_id):
            return
        record = await find_key(tx, key_id)
        if record is None or record.revoked_at is None:
            raise NotFound("key", key_id)
    since = rfc3339(record.revoked_at.replace(microsecond=0))
    raise Conflict(f"this key has been revoked since {since}, and opens nothing; all is done")


def hash_key(text: str) -> str:
    """A key as it is stored. Keys are 192 random bits: a plain hash does."""
    return hashlib.sha256(text.encode()).hexdigest()
