"""Health: what settled attempts say of their endpoints, and what follows from that."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.domain.deliveries import Deferred, Delivered, DisableReason, EndpointState, Outcome
from alerts.domain.events import EventType
from alerts.domain.health import (
    Advice,
    Health,
    advise,
    closed,
    is_our_outage,
    is_unanswered,
    observe,
)
from alerts.domain.notices import endpoint_disabled_event, endpoint_failing_event
from alerts.pipeline.tell import tell_app, to_app
from alerts.store.endpoints import disable_endpoint, find_recipients
from alerts.store.engine import Transaction
from alerts.store.health import HeldLane, count_answering, write_health
from alerts.store.outbox import Waiting
from alerts.telemetry import Step, emit

# What fails to be told of an endpoint's failing is no reason to tell more of it.
_NOTICES: Final = frozenset({EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED})


class Tried(NamedTuple):
    """An attempt, as far as it speaks of its endpoint."""

    waiting: Waiting
    outcome: Outcome


async def watch(
    tx: Transaction,
    attempts: Iterable[Tried],
    held: Mapping[str, HeldLane],
    *,
    jitter: Callable[[], float],
) -> dict[str, Health]:
    """Learn from what was just settled; returns what is new of each endpoint.

    attempts: as they ended. held: the lanes, which are locked.
    """
    by_endpoint: dict[str, list[Tried]] = {}
    for tried in attempts:
        by_endpoint.setdefault(tried.waiting.endpoint_id, []).append(tried)
    now = await tx.now()
    learned: dict[str, Health] = {}
    for endpoint_id, ended in by_endpoint.items():
        before = held[endpoint_id].health
        outcomes = [tried.outcome for tried in ended]
        after = observe(before, outcomes, now=now, jitter=jitter())
        _say(endpoint_id, before, after)
        if any(map(_blames, ended)):
            is_silent = all(map(is_unanswered, outcomes))
            after = await _heed(tx, endpoint_id, after, is_silent=is_silent)
        if after != before:
            learned[endpoint_id] = after
    await write_health(tx, learned)
    return learned


async def close_endpoint(
    tx: Transaction,
    endpoint_id: str,
    reason: DisableReason,
    *,
    health: Health | None = None,
) -> bool:
    """Close an endpoint and tell of it; False if it was not active. health: if it was failing."""
    if not await disable_endpoint(tx, endpoint_id, reason):
        return False
    endpoint = (await find_recipients(tx, [endpoint_id]))[endpoint_id]
    draft = endpoint_disabled_event(
        endpoint_id,
        endpoint.description,
        at=await tx.now(),
        audience=to_app(endpoint.app_id),
        reason=reason,
        health=health,
    )
    await tell_app(tx, draft)
    emit(Step.ENDPOINT_DISABLED, endpoint=endpoint_id, reason=reason.value)
    return True


async def _heed(tx: Transaction, endpoint_id: str, health: Health, *, is_silent: bool) -> Health:
    """Do what an endpoint's health calls for; returns what is to be kept of it.

    is_silent: nobody answered. Then it is told of, and closed, only if others do answer: where
    none does it is our own way out that is down. The attempts until a word are counted anew, so
    that this is not asked at each; and a word that was given counts from now on.
    """
    now = await tx.now()
    match advise(health, now):
        case Advice.WARN if is_silent and await _spare(tx, endpoint_id, health):
            return replace(health, failing_attempts=0)
        case Advice.WARN if await _warn(tx, endpoint_id, health):
            return replace(health, warned_at=now)
        case Advice.CLOSE if is_silent and await _spare(tx, endpoint_id, health):
            return replace(health, warned_at=now)
        case Advice.CLOSE if await close_endpoint(
            tx, endpoint_id, DisableReason.FAILING, health=health
        ):
            return closed(health, now)
    return health


async def _spare(tx: Transaction, endpoint_id: str, health: Health) -> bool:
    """Whether it is our own outage that an endpoint would pay for; the operator is told."""
    tried, answering = await count_answering(tx, health.failing_since or await tx.now())
    is_ours = is_our_outage(tried=tried, answering=answering)
    if is_ours:
        emit(Step.ENDPOINT_SPARED, endpoint=endpoint_id, tried=tried, answering=answering)
    return is_ours


async def _warn(tx: Transaction, endpoint_id: str, health: Health) -> bool:
    """Tell that an endpoint is failing; False if it is not active."""
    endpoint = (await find_recipients(tx, [endpoint_id]))[endpoint_id]
    if endpoint.state is not EndpointState.ACTIVE:
        return False
    draft = endpoint_failing_event(
        endpoint_id,
        endpoint.description,
        at=await tx.now(),
        audience=to_app(endpoint.app_id),
        health=health,
    )
    await tell_app(tx, draft)
    emit(Step.ENDPOINT_FAILING, endpoint=endpoint_id, attempts=health.failing_attempts)
    return True


def _blames(tried: Tried) -> bool:
    """Whether this attempt is a reason to speak of its endpoint."""
    is_notice = tried.waiting.news.facts.type in _NOTICES
    is_ours = isinstance(tried.outcome, Deferred) and tried.outcome.is_ours
    return not is_notice and not is_ours and not isinstance(tried.outcome, Delivered)


def _say(endpoint_id: str, before: Health, after: Health) -> None:
    """A line of log where a breaker opens or closes."""
    if before.opened_at is None and after.opened_at is not None:
        emit(Step.BREAKER_OPENED, endpoint=endpoint_id, failures=after.failures)
    elif before.opened_at is not None and after.opened_at is None:
        emit(Step.BREAKER_CLOSED, endpoint=endpoint_id, failures=before.failures)
