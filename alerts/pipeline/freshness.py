"""Freshness: the operator is told of a source that grows stale, and which grades are old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.domain.events import EventType
from alerts.domain.freshness import STALE_AFTER, Staleness, staleness
from alerts.domain.grades import Kind, SourceName
from alerts.domain.ratings import Rating
from alerts.pipeline.poll import Plan
from alerts.pipeline.standing import announce
from alerts.ports import SourceState
from alerts.store.engine import Store, Transaction
from alerts.store.sweeps import SourceRecord, find_state, list_states, set_state
from alerts.store.watermarks import list_last_accepted

# What a source may be in and still bring nothing; the other states say more than `stale` would.
HOPEFUL: Final = frozenset({SourceState.OK, SourceState.WAITING, SourceState.STALE})


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new grades are. newest: by source and kind; late: those whose source is stale."""

    newest: Mapping[tuple[SourceName, Kind], datetime | None]
    late: frozenset[tuple[SourceName, Kind]]

    def is_stale(self, rating: Rating, kind: Kind) -> bool:
        """Whether a grade is too old to be taken for news."""
        place = SourceName(rating.token.partition(":")[0]), kind
        newest = self.newest.get(place)
        return place in self.late or (newest is not None and rating.as_of < newest - STALE_AFTER)


async def read_freshness(tx: Transaction) -> Freshness:
    """How new the grades of all sources are."""
    newest = {(one.source, one.kind): one.newest_as_of for one in await list_last_accepted(tx)}
    states = await list_states(tx)
    late = frozenset((one.source, one.kind) for one in states if one.state is SourceState.STALE)
    return Freshness(newest, late)


async def watch_freshness(kind: Kind, *, store: Store, plan: Plan) -> None:
    """Note that a kind of the polled source is stale, or no longer so, and tell the operator."""
    async with store.read() as tx:
        if not _differs(*await _judged(tx, kind, plan)):
            return
    async with store.write() as tx:
        record, found = await _judged(tx, kind, plan)
        if record is None or not _differs(record, found):
            return
        state = SourceState.OK if found is None else SourceState.STALE
        detail = None if found is None else found.why
        noted = await set_state(tx, record.source, kind, state=state, detail=detail)
        is_over = found is None
        await announce(
            tx, noted, EventType.SOURCE_RECOVERED if is_over else EventType.SOURCE_FAILING
        )


async def _judged(
    tx: Transaction, kind: Kind, plan: Plan
) -> tuple[SourceRecord | None, Staleness | None]:
    name = plan.source.name
    record = await find_state(tx, name, kind)
    if record is None:
        return None, None
    accepted = await list_last_accepted(tx)
    last = next((one for one in accepted if (one.source, one.kind) == (name, kind)), None)
    if last is None or last.accepted_at is None:
        return record, None
    found = staleness(
        kind,
        heard_at=last.accepted_at,
        news_at=last.news_at,
        tokens=last.tokens,
        interval=plan.intervals[kind],
        now=await tx.now(),
    )
    return record, found


def _differs(record: SourceRecord | None, found: Staleness | None) -> bool:
    if record is None or record.state not in HOPEFUL:
        return False
    return (record.state is SourceState.STALE) is (found is None)
