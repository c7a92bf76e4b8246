"""Health: what settled attempts say of their endpoints, and what follows from that."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.domain.deliveries import Delivered, DisableReason, EndpointState, Outcome
from alerts.domain.events import EventType
from alerts.domain.health import Advice, Health, advise, closed, may_call_for_advice, observe
from alerts.domain.notices import endpoint_disabled_event, endpoint_failing_event
from alerts.pipeline.tell import tell, to_app
from alerts.store.endpoints import disable_endpoint, find_recipients, webhook_endpoint_ids
from alerts.store.engine import Transaction
from alerts.store.health import HeldLane, write_health
from alerts.store.outbox import Waiting
from alerts.telemetry import Step, emit

# What fails to be told of an endpoint's failing is no reason to tell more of it.
_NOTICES: Final = frozenset({EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED})


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt, as far as it speaks of its endpoint."""

    waiting: Waiting
    outcome: Outcome


async def ailing(tx: Transaction, attempts: Iterable[Tried]) -> set[str]:
    """Endpoints that may have to be told of or closed, going by what a claim saw of them.

    Whoever hears of it has a lane, and lanes are locked before anything is known for certain.
    """
    failing = {
        tried.waiting.endpoint_id: tried.waiting.failing_since
        for tried in attempts
        if tried.waiting.failing_since is not None and _blames(tried)
    }
    if not failing:
        return set()
    now = await tx.now()
    return {key for key, since in failing.items() if may_call_for_advice(since, now)}


async def others_of(tx: Transaction, endpoint_ids: Iterable[str]) -> dict[str, list[str]]:
    """Who hears what befalls these: the other webhook endpoints of their apps."""
    told: dict[str, list[str]] = {}
    for endpoint in (await find_recipients(tx, endpoint_ids)).values():
        ids = await webhook_endpoint_ids(tx, endpoint.app_id)
        told[endpoint.id] = [endpoint_id for endpoint_id in ids if endpoint_id != endpoint.id]
    return told


async def watch(
    tx: Transaction,
    attempts: Iterable[Tried],
    held: Mapping[str, HeldLane],
    *,
    told: Mapping[str, Sequence[str]],
    jitter: Callable[[], float],
) -> dict[str, Health]:
    """Learn from what was just settled; returns what is new of each endpoint.

    attempts: as they ended. held: the lanes, which are locked.
    told: who hears of the endpoints that are ailing; of others nothing is told now.
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
        if endpoint_id in told and any(map(_blames, ended)):
            after = await _heed(tx, endpoint_id, after, told=told[endpoint_id])
        if after != before:
            learned[endpoint_id] = after
    await write_health(tx, learned)
    return learned


async def close_endpoint(
    tx: Transaction,
    endpoint_id: str,
    reason: DisableReason,
    *,
    told: Sequence[str],
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
    await tell(tx, [(draft, told)])
    emit(Step.ENDPOINT_DISABLED, endpoint=endpoint_id, reason=reason.value)
    return True


async def _heed(
    tx: Transaction, endpoint_id: str, health: Health, *, told: Sequence[str]
) -> Health:
    """Do what an endpoint's health calls for; returns what is to be kept of it."""
    now = await tx.now()
    match advise(health, now):
        case Advice.WARN if await _warn(tx, endpoint_id, health, told=told):
            return replace(health, warned_at=now)
        case Advice.CLOSE if await close_endpoint(
            tx, endpoint_id, DisableReason.FAILING, told=told, health=health
        ):
            return closed(health, now)
    return health


async def _warn(tx: Transaction, endpoint_id: str, health: Health, *, told: Sequence[str]) -> bool:
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
    await tell(tx, [(draft, told)])
    emit(Step.ENDPOINT_FAILING, endpoint=endpoint_id, attempts=health.failing_attempts)
    return True


def _blames(tried: Tried) -> bool:
    """Whether this attempt is a reason to speak of its endpoint."""
    is_notice = tried.waiting.event_type in _NOTICES
    return not is_notice and not isinstance(tried.outcome, Delivered)


def _say(endpoint_id: str, before: Health, after: Health) -> None:
    """A line of log where a breaker opens or closes."""
    if before.opened_at is None and after.opened_at is not None:
        emit(Step.BREAKER_OPENED, endpoint=endpoint_id, failures=after.failures)
    elif before.opened_at is not None and after.opened_at is None:
        emit(Step.BREAKER_CLOSED, endpoint=endpoint_id, failures=before.failures)
