"""Sources: how each stands, what it brought last, and what it may still be asked."""

from datetime import datetime, timedelta

from fastapi import APIRouter

from alerts.api.deps import Bell, Reader
from alerts.api.docs import refuses
from alerts.api.schemas.cycles import Budget, LastCycle, Source, SourceKind, Sources
from alerts.bootstrap import Services
from alerts.domain.freshness import staleness
from alerts.domain.grades import Kind, SourceName
from alerts.pipeline.freshness import HOPEFUL
from alerts.ports import SourceState
from alerts.store.budgets import spent
from alerts.store.engine import Transaction
from alerts.store.sweeps import SourceRecord, list_states
from alerts.store.watermarks import LastAccepted, list_last_accepted

router = APIRouter(prefix="/v1/sources", tags=["Cycles"])


@router.get("", responses=refuses())
async def show_sources(_principal: Reader, services: Bell) -> Sources:
    """List where grades come from: the source that is polled, and those that were pushed to."""
    polled = None if services.plan is None else services.plan.source.name
    async with services.store.read() as tx:
        now = await tx.now()
        states = {(row.source, row.kind): row for row in await list_states(tx)}
        accepted = {(row.source, row.kind): row for row in await list_last_accepted(tx)}
        budget = await _budget(tx, services)
    seen = {*states, *accepted} | ({(polled, kind) for kind in Kind} if polled else set())
    intervals = _intervals(services)
    shown = []
    for source in sorted({name for name, _ in seen}):
        kinds = [
            standing(
                kind,
                states.get((source, kind)),
                last=accepted.get((source, kind)),
                interval=intervals[kind],
                now=now,
            )
            for kind in Kind
            if (source, kind) in seen
        ]
        is_polled = source == polled
        shown.append(
            Source(
                source=source, is_polled=is_polled, kinds=kinds, budget=budget if is_polled else {}
            )
        )
    return Sources(data=shown, next=None)


def standing(
    kind: Kind,
    record: SourceRecord | None,
    *,
    last: LastAccepted | None,
    interval: timedelta,
    now: datetime,
) -> SourceKind:
    """How one kind of a source stands.

    record: None for one that is pushed to, which is ok since it was last heard of.
    """
    accepted_at = None if last is None else last.accepted_at
    state = SourceState.WAITING if accepted_at is None else SourceState.OK
    since = accepted_at
    if record is not None:
        state, since = record.state, record.since
    heard_at = accepted_at or since
    detail = None if record is None else record.detail
    if state in HOPEFUL and heard_at is not None:
        found = staleness(
            kind,
            heard_at=heard_at,
            news_at=None if last is None else last.news_at,
            tokens=None if last is None else last.tokens,
            interval=interval,
            now=now,
        )
        if found is not None:
            state, since, detail = SourceState.STALE, found.since, detail or found.why
    return SourceKind(
        kind=kind,
        state=state,
        since=since,
        detail=detail,
        last_cycle=_last_cycle(last),
        clock_skew_seconds=None if record is None else record.clock_skew_seconds,
    )


def _last_cycle(last: LastAccepted | None) -> LastCycle | None:
    if last is None or last.cycle_id is None or last.as_of is None or last.accepted_at is None:
        return None
    return LastCycle(id=last.cycle_id, as_of=last.as_of, accepted_at=last.accepted_at)


def _intervals(services: Services) -> dict[Kind, timedelta]:
    """How often each kind is looked for; of a source that is pushed to, expected."""
    return {
        Kind.TRADER: timedelta(seconds=services.settings.trader_interval_seconds),
        Kind.FUNDAMENTAL: timedelta(seconds=services.settings.fundamental_interval_seconds),
    }


async def _budget(tx: Transaction, services: Services) -> dict[str, Budget]:
    if services.plan is None:
        return {}
    limits = services.plan.limits
    name: SourceName = services.plan.source.name
    used = await spent(tx, name, limits)
    return {
        period.value: Budget(limit=limit, spent=used[period], left=max(0, limit - used[period]))
        for period, _, limit in limits
    }
