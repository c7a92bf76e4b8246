"""Consent: whether what is about to be sent is still wanted, read at the last moment."""

from collections.abc import Sequence
from datetime import datetime

from alerts.domain.deliveries import TOLD, EndReason, SkipReason, State, Trigger
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import EventFacts, Miss, Subscription, match
from alerts.store.decisions import Decision
from alerts.store.engine import Transaction
from alerts.store.outbox import Waiting
from alerts.store.subscriptions import subscriptions_for


async def consent(
    tx: Transaction,
    found: Sequence[Waiting],
    now: datetime,
) -> tuple[list[Waiting], list[Decision]]:
    """What is to be sent of what was reserved, and what ends instead, and as what."""
    asked = [w for w in found if w.is_matched and w.trigger is Trigger.SCHEDULE]
    subscribed: dict[str, list[Subscription]] = {}
    if asked:
        ids = sorted({waiting.endpoint_id for waiting in asked})
        subscribed = await subscriptions_for(tx, ids, {waiting.token for waiting in asked})
    kept, ended = [], []
    for waiting in found:
        decision = _refusal(waiting, subscribed.get(waiting.endpoint_id, ()), now)
        if decision is None:
            kept.append(waiting)
        else:
            ended.append(decision)
    return kept, ended


def _refusal(waiting: Waiting, rows: Sequence[Subscription], now: datetime) -> Decision | None:
    """What ends a delivery instead of its next attempt, None if nothing does."""
    if waiting.expires_at <= now:
        return _expired(waiting)
    if waiting.trigger is not Trigger.SCHEDULE:
        return None
    if waiting.corrects is not None and waiting.corrected not in TOLD:
        return _ended(waiting, State.SKIPPED, SkipReason.UNTOLD)
    # What was owed stays owed when the filter is widened or the endpoint resumed.
    if waiting.is_matched and match(_facts(waiting), rows) not in {None, Miss.BEFORE_SUBSCRIPTION}:
        return _ended(waiting, State.SKIPPED, SkipReason.UNSUBSCRIBED)
    return None


def _expired(waiting: Waiting) -> Decision:
    """Too old: skipped if it was never tried, dead if it was."""
    if waiting.attempts:
        return _ended(waiting, State.DEAD, EndReason.EXPIRED)
    return _ended(waiting, State.SKIPPED, SkipReason.EXPIRED)


def _ended(waiting: Waiting, state: State, reason: SkipReason | EndReason) -> Decision:
    return Decision(
        waiting.id,
        state,
        reason,
        waiting.position,
        waiting.interruptions,
        waiting.due_at,
        waiting.status_code,
    )


def _facts(waiting: Waiting) -> EventFacts:
    return EventFacts(
        sequence=waiting.sequence,
        type=EventType(waiting.event_type),
        token=None if waiting.token is None else TokenId(waiting.token),
        kind=None if waiting.kind is None else Kind(waiting.kind),
        notches=waiting.notches,
        size=waiting.size,
    )
