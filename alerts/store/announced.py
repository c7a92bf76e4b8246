"""What was told of tokens at a cycle's `as_of`, and what rests on what they were then."""

import asyncio
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select

from alerts.domain.events import BAND_CHANGES, BASELINES, EventType, rfc3339
from alerts.domain.grades import Cycle, TokenId
from alerts.store.engine import CHUNK_ROWS, Transaction
from alerts.store.events import EventRecord, event_of, select_events
from alerts.store.tables import events

_SAID: Final = (*BAND_CHANGES, EventType.MOVED, *BASELINES, EventType.RESTATED)

# Of each token, in order.
Said = dict[TokenId, list[EventRecord]]


async def announced_at(tx: Transaction, cycle: Cycle) -> Said:
    """What was told of each token at a cycle's `as_of`; none but with its first news."""
    return await _said(tx, _of(cycle).where(events.c.at == cycle.as_of, events.c.type.in_(_SAID)))


async def confirmed_by(
    tx: Transaction, cycle: Cycle, wanted: Collection[TokenId], *, until: datetime
) -> Said:
    """The change of band that each token's grade of this `as_of` helped to confirm later.

    With its corrections behind it. until: the latest `as_of` that is looked at.
    """
    is_later = events.c.at > cycle.as_of, events.c.at <= until
    found = await _said(tx, _of(cycle).where(*is_later, events.c.type.in_(BAND_CHANGES)))
    at = rfc3339(cycle.as_of)
    resting = {
        token: event
        for token, said in found.items()
        if token in wanted
        for event in said
        if at in {one["as_of"] for one in json.loads(event.body)["data"].get("confirms", ())}
    }
    if not resting:
        return {}
    ids = [event.id for event in resting.values()]
    corrections = await _said(tx, _of(cycle).where(events.c.corrects.in_(ids)))
    return {token: [event, *corrections.get(token, ())] for token, event in resting.items()}


def _of(cycle: Cycle) -> Select[Any]:
    return select_events(None).where(events.c.source == cycle.source, events.c.kind == cycle.kind)


async def _said(tx: Transaction, query: Select[Any]) -> Said:
    said: Said = {}
    found = await tx.connection.execute(query.order_by(events.c.sequence))
    for rows in found.partitions(CHUNK_ROWS):
        for event in map(event_of, rows):
            if event.token is not None:
                said.setdefault(event.token, []).append(event)
        await asyncio.sleep(0)
    return said
