"""Retain: what is older than it is kept is forgotten, in batches that nobody has to wait for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

from alerts.store.answers import drop_answers
from alerts.store.digests import drop_digests
from alerts.store.engine import Store, Transaction
from alerts.store.mutes import drop_mutes
from alerts.store.removal import clear_removed, drop_deserted
from alerts.store.retention import (
    drop_cycles,
    drop_deliveries,
    drop_events,
    drop_grades,
    drop_rejected_rows,
    drop_replays,
    drop_secrets,
    drop_sweeps,
)

# How long a request may come again: as long as its client may sensibly go on trying.
ANSWERS_KEPT: Final = timedelta(hours=24)
# How long a server that our bot was removed from may think better of it.
DESERTED_KEPT: Final = timedelta(days=30)
# Rows in one transaction: few enough that a send which waits to be settled notices nothing.
BATCH: Final = 250
# Batches cleared away while somebody waits for it: about a second.
CLEARED_AT_ONCE: Final = 40
# Batches of one kind in one run; the next run goes on.
BATCHES: Final = 400

Drop = Callable[[Transaction, datetime, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept: the log, the feed, and the history of grades."""

    deliveries: timedelta
    events: timedelta
    grades: timedelta

    def ages(self) -> Iterator[tuple[Drop, timedelta]]:
        """What goes, and how old it then is. What explains a thing goes as it does."""
        yield drop_deliveries, self.deliveries
        yield drop_replays, self.deliveries
        yield drop_secrets, self.deliveries
        yield drop_sweeps, self.deliveries
        yield drop_rejected_rows, min(self.deliveries, self.grades)
        yield drop_digests, self.events
        yield drop_events, self.events
        yield drop_grades, self.grades
        yield drop_cycles, self.grades
        yield drop_answers, ANSWERS_KEPT
        yield drop_mutes, timedelta(0)
        yield drop_deserted, DESERTED_KEPT


async def clear_away(endpoint_ids: Iterable[str], *, store: Store) -> None:
    """Clear away what removed endpoints left; a long log is left to `drop_old`.

    Nothing of it is shown in any case, and whoever asked waits for the answer.
    """
    coming = iter(endpoint_ids)
    endpoint_id = next(coming, None)
    for _ in range(CLEARED_AT_ONCE):
        if endpoint_id is None:
            break
        if not await _clear_batch(store, endpoint_id):
            endpoint_id = next(coming, None)


async def drop_old(kept: Kept, *, store: Store) -> int:
    """Forget what is older than it is kept; how many rows went."""
    gone = 0
    for drop, age in kept.ages():
        for _ in range(BATCHES):
            began = perf_counter()
            async with store.write() as tx:
                count = await drop(tx, await tx.now() - age, BATCH)
            gone += count
            if count < BATCH:
                break
            # As long as the batch took: whoever else writes has at least half of the time.
            await asyncio.sleep(perf_counter() - began)
    # What somebody began to clear away and did not end.
    for _ in range(BATCHES):
        if not await _clear_batch(store, None):
            break
    return gone


async def _clear_batch(store: Store, endpoint_id: str | None) -> bool:
    """False: nothing is left."""
    began = perf_counter()
    async with store.write() as tx:
        is_left = await clear_removed(tx, BATCH, endpoint_id=endpoint_id)
    if is_left:
        await asyncio.sleep(perf_counter() - began)
    return is_left
