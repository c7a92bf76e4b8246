"""Consent: whether what is about to be sent is still wanted, read at the last moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from alerts.domain.deliveries import TOLD, Channel, EndReason, SkipReason, State, Trigger
from alerts.domain.grades import TokenId
from alerts.domain.quiet import quiet_until
from alerts.domain.subscriptions import EventFacts, Miss, Subscription, find_rule
from alerts.pipeline.cooldown import Cooling, read_cooling
from alerts.store.decisions import Decision
from alerts.store.endpoints import Recipient
from alerts.store.engine import Transaction
from alerts.store.mutes import skip_muted
from alerts.store.outbox import Waiting
from alerts.store.quiet import hold_back
from alerts.store.subscriptions import subscriptions_for

Rows = Mapping[str, Sequence[Subscription]]
Refusal = tuple[State, SkipReason | EndReason]


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be sent, and what ends instead. rules: what wants it, by delivery, if anything.

    held: what is to wait for a cooldown, by delivery: until when, and when it expires then.
    """

    kept: list[Waiting]
    rules: dict[str, Subscription]
    ended: list[Decision]
    held: dict[str, tuple[datetime, datetime]]


async def consent(
    tx: Transaction,
    found: Sequence[Waiting],
    now: datetime,
    *,
    leases: Mapping[str, str],
    endpoints: Mapping[str, Recipient],
) -> Consent:
    """Whether what was found is to be sent. leases: ours, by endpoint."""
    asked = [waiting for waiting in found if _needs_rule(waiting)]
    subscribed: dict[str, list[Subscription]] = {}
    if asked:
        ids = {waiting.endpoint_id for waiting in asked}
        subscribed = await subscriptions_for(
            tx, ids, {waiting.news.facts.token for waiting in asked}
        )
    cooling = await read_cooling(tx, found, endpoints=endpoints, now=now)
    return weigh(found, now, leases=leases, wishes=Wishes.of(subscribed), cooling=cooling)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What endpoints subscribe to, in all, and by token, for much may wait for many tokens."""

    rows: Rows
    near: Mapping[tuple[str, TokenId | None], Sequence[Subscription]]

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """rows: of each endpoint those that could want what is asked about."""
        near: dict[tuple[str, TokenId | None], list[Subscription]] = {}
        for endpoint_id, its in rows.items():
            for row in its:
                near.setdefault((endpoint_id, row.token), []).append(row)
        return cls(rows, near)

    def rule(self, endpoint_id: str, facts: EventFacts) -> Subscription | Miss:
        """What wants an event, or why nothing does."""
        if facts.token is None:
            return find_rule(facts, self.rows.get(endpoint_id, ()))
        every = self.near.get((endpoint_id, None), ())
        named = self.near.get((endpoint_id, facts.token))
        return find_rule(facts, every if named is None else [*named, *every])


def weigh(
    found: Sequence[Waiting],
    now: datetime,
    *,
    leases: Mapping[str, str],
    wishes: Wishes,
    cooling: Cooling,
) -> Consent:
    """The same of what was read. Pure."""
    given = Consent([], {}, [], {})
    for waiting in found:
        wanted = _needs_rule(waiting)
        rule = wishes.rule(waiting.endpoint_id, waiting.news.facts) if wanted else None
        refused = _refusal(waiting, rule, now)
        until = None if refused else cooling.until(waiting)
        if until is not None:
            given.held[waiting.id] = until, waiting.expires_at + (until - now)
            continue
        if refused is None and cooling.is_taken_back(waiting):
            refused = State.SKIPPED, SkipReason.REVERSED
        if refused is not None:
            given.ended.append(_ended(waiting, refused, lease_id=leases[waiting.endpoint_id]))
            continue
        given.kept.append(waiting)
        if isinstance(rule, Subscription):
            given.rules[waiting.id] = rule
    return given


async def spare(tx: Transaction, recipients: Iterable[Recipient], now: datetime) -> None:
    """Keep from people what they asked to be spared: what they muted ends, and at night all waits.

    Of what is due at lanes that are ours. A mute comes first: what is muted in the night is not
    told in the morning.
    """
    people = [each for each in recipients if each.channel is Channel.TELEGRAM]
    if not people:
        return
    await skip_muted(tx, [each.id for each in people])
    quiet: dict[datetime, list[str]] = {}
    for each in people:
        until = quiet_end(each, now)
        if until is not None:
            quiet.setdefault(until, []).append(each.id)
    for until, ids in quiet.items():
        await hold_back(tx, ids, until)


def quiet_end(recipient: Recipient, now: datetime) -> datetime | None:
    """When what is due now is told, where quiet hours hold it; None where none do."""
    hours, time_zone = recipient.quiet_hours, recipient.time_zone
    if recipient.channel is not Channel.TELEGRAM or hours is None or time_zone is None:
        return None
    return quiet_until(hours, time_zone, now)


def _needs_rule(waiting: Waiting) -> bool:
    """Whether something must want it still."""
    return waiting.news.is_matched and waiting.trigger is Trigger.SCHEDULE


def _refusal(waiting: Waiting, rule: Subscription | Miss | None, now: datetime) -> Refusal | None:
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
    if isinstance(rule, Miss) and rule is not Miss.BEFORE_SUBSCRIPTION:
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
