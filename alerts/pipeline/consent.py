"""Consent: whether what is about to be sent is still wanted, read at the last moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.domain.deliveries import TOLD, EndReason, SkipReason, State, Trigger
from alerts.domain.subscriptions import Miss, Subscription, match
from alerts.store.decisions import Decision
from alerts.store.engine import Transaction
from alerts.store.outbox import Waiting
from alerts.store.subscriptions import subscriptions_for


async def consent(
    tx: Transaction,
    found: Sequence[Waiting],
    now: datetime,
    *,
    leases: Mapping[str, str],
) -> tuple[list[Waiting], list[Decision]]:
    """What is to be sent of what was found, and what ends instead, and as what.

    leases: ours, by endpoint.
    """
    asked = [w for w in found if w.news.is_matched and w.trigger is Trigger.SCHEDULE]
    subscribed: dict[str, list[Subscription]] = {}
    if asked:
        ids = {waiting.endpoint_id for waiting in asked}
        subscribed = await subscriptions_for(
            tx, ids, {waiting.news.facts.token for waiting in asked}
        )
    kept, ended = [], []
    for waiting in found:
        refused = _refusal(waiting, subscribed.get(waiting.endpoint_id, ()), now)
        if refused is None:
            kept.append(waiting)
        else:
            ended.append(_ended(waiting, refused, lease_id=leases[waiting.endpoint_id]))
    return kept, ended


Refusal = tuple[State, SkipReason | EndReason]


def _refusal(waiting: Waiting, rows: Sequence[Subscription], now: datetime) -> Refusal | None:
    """What ends a delivery instead of its next attempt, None if nothing does."""
    news = waiting.news
    if waiting.expires_at <= now:
        # Too old: skipped if it was never tried, dead if it was.
        if waiting.attempts:
            return State.DEAD, EndReason.EXPIRED
        return State.SKIPPED, SkipReason.EXPIRED
    if waiting.trigger is not Trigger.SCHEDULE:
        return None
    if news.corrects is not None and waiting.corrected not in TOLD:
        return State.SKIPPED, SkipReason.UNTOLD
    # What was owed stays owed when the filter is widened or the endpoint resumed.
    if news.is_matched and match(news.facts, rows) not in {None, Miss.BEFORE_SUBSCRIPTION}:
        return State.SKIPPED, SkipReason.UNSUBSCRIBED
    return None


def _ended(waiting: Waiting, refused: Refusal, *, lease_id: str) -> Decision:
    state, reason = refused
    return Decision(
        waiting.id,
        lease_id,
        state,
        reason,
        waiting.position,
        waiting.interruptions,
        waiting.due_at,
        waiting.status_code,
    )
