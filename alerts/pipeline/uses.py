"""Uses: when each key was last used, written behind the answers, which wait for nobody's lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from alerts.errors import StorageFailed
from alerts.store.apps import KeyRecord, touch_keys
from alerts.store.engine import Store
from alerts.telemetry import Step, fail

# `last_used_at` is as fine as this, so that reading does not become writing.
TOUCH_EVERY: Final = timedelta(minutes=1)


class Uses:
    """Writes down the uses of keys, one transaction at a time for all that came meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, datetime] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, key: KeyRecord, now: datetime) -> None:
        """A key was used, and will be written down soon, unless it was within the last minute."""
        is_known = key.last_used_at is not None and now - key.last_used_at < TOUCH_EVERY
        if is_known or key.id in self._noted:
            return
        self._noted[key.id] = now
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def written(self) -> None:
        """Wait until what was noted is stored."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._noted:
            # Those being written stay noted: who comes meanwhile has nothing to add.
            coming = dict(self._noted)
            try:
                async with self._store.write() as tx:
                    await touch_keys(tx, coming)
            except StorageFailed as error:
                fail(Step.JOB_FAILED, error, job="uses")
            finally:
                for key_id in coming:
                    del self._noted[key_id]


@asynccontextmanager
async def open_uses(store: Store) -> AsyncIterator[Uses]:
    """Uses of keys, all stored at the end of the block."""
    uses = Uses(store)
    try:
        yield uses
    finally:
        await uses.written()
