"""Retain: deliveries, events, grades and answers are kept for a time, then forgotten in batches."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from alerts.store.answers import drop_answers
from alerts.store.engine import Store, Transaction
from alerts.store.retention import drop_deliveries, drop_events, drop_grades, drop_replays

DELIVERIES_KEPT: Final = timedelta(days=90)
EVENTS_KEPT: Final = timedelta(days=400)
GRADES_KEPT: Final = timedelta(days=800)
# How long a request may come again: as long as its client may sensibly go on trying.
ANSWERS_KEPT: Final = timedelta(hours=24)
# Rows in one transaction: few enough that nobody notices.
BATCH: Final = 500
# Batches in one run; the next run goes on.
BATCHES: Final = 200

Drop = Callable[[Transaction, datetime, int], Awaitable[int]]


async def drop_old(*, store: Store) -> int:
    """Forget what is older than it is kept; how many rows went."""
    kept: tuple[tuple[Drop, timedelta], ...] = (
        (drop_deliveries, DELIVERIES_KEPT),
        (drop_replays, DELIVERIES_KEPT),
        (drop_events, EVENTS_KEPT),
        (drop_grades, GRADES_KEPT),
        (drop_answers, ANSWERS_KEPT),
    )
    gone = 0
    for drop, age in kept:
        for _ in range(BATCHES):
            async with store.write() as tx:
                count = await drop(tx, await tx.now() - age, BATCH)
            gone += count
            if count < BATCH:
                break
    return gone
