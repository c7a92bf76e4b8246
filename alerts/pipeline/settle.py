"""Settle: outcomes become attempts, states and due times, in batches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from alerts.domain.deliveries import (
    Answer,
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Effect,
    Keep,
    MoveTo,
    Outcome,
    Rejected,
    Unknown,
    next_state,
)
from alerts.domain.retries import RetrySchedule
from alerts.pipeline.claim import Parcel
from alerts.pipeline.health import Tried, close_endpoint, watch
from alerts.store.attempts import insert_attempts
from alerts.store.decisions import Decision, apply_decisions, deliver_late
from alerts.store.endpoints import (
    move_endpoint,
)
from alerts.store.engine import Transaction
from alerts.store.fan_out import make_due
from alerts.store.health import HeldLane, forget_health, lock_held
from alerts.store.lanes import hold
from alerts.telemetry import Step, emit


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel with what came of it. schedule: the endpoint's own, None for the service's.

    attempt_id: fixed before it is written, for what becomes of a commit is not always learned.
    started_at, ended_at: by this worker's clock; the log has them by the database's.
    """

    endpoint_id: str
    lease_id: str
    send_id: str
    attempt_id: str
    schedule: RetrySchedule | None
    parcel: Parcel
    answer: Answer
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """How outcomes are judged. jitter: a number from 0 up to 1, new at each call.

    seal_address: an address as it is stored, (ciphertext, hash).
    """

    worker: str
    schedule: RetrySchedule
    jitter: Callable[[], float]
    seal_address: Callable[[str], tuple[bytes, str]]


async def settle(
    tx: Transaction, sent: Sequence[Sent], terms: Terms, *, also_lock: Sequence[str] = ()
) -> Mapping[str, HeldLane]:
    """Log every attempt; decide on what our leases still hold; let effects take effect.

    also_lock: further lanes this transaction will change. Returns each locked lane as it is now.
    """
    lanes = sorted({one.endpoint_id for one in sent} | set(also_lock))
    held = await lock_held(tx, lanes)
    holders = {endpoint_id: lane.lease_id for endpoint_id, lane in held.items()}
    # An endpoint deleted meanwhile has taken its lane and its log along.
    sent = [one for one in sent if one.endpoint_id in holders]
    ahead = await tx.ahead()
    await insert_attempts(tx, [_attempt(one, terms.worker, ahead) for one in sent])
    ours = [one for one in sent if holders.get(one.endpoint_id) == one.lease_id]
    await _deliver_late(tx, [one for one in sent if holders.get(one.endpoint_id) != one.lease_id])
    learned = await watch(
        tx,
        [Tried(one.parcel.waiting, one.answer.outcome) for one in ours],
        held,
        jitter=terms.jitter,
    )
    await _decide(tx, ours, terms)
    for endpoint_id, effect in _effects(ours).items():
        await _apply(tx, endpoint_id, effect, terms=terms)
    return held | {key: replace(held[key], health=health) for key, health in learned.items()}


async def _deliver_late(tx: Transaction, others: Sequence[Sent]) -> None:
    """Of lanes that are somebody else's by now only this is true: what was delivered, was."""
    late = [one for one in others if isinstance(one.answer.outcome, Delivered)]
    if not late:
        return
    await deliver_late(tx, {one.parcel.waiting.id: one.answer.trace.status_code for one in late})
    # What waited for one of them need not wait any longer.
    await make_due(tx, sorted({one.endpoint_id for one in late}), await tx.now())


async def _decide(tx: Transaction, ours: Sequence[Sent], terms: Terms) -> None:
    now = await tx.now()
    decisions: list[Decision] = []
    holds: dict[str, datetime] = {}
    for one in ours:
        waiting = one.parcel.waiting
        verdict = next_state(
            one.answer.outcome,
            position=waiting.position,
            now=now,
            expires_at=waiting.expires_at,
            schedule=one.schedule or terms.schedule,
            jitter=terms.jitter(),
        )
        decision = Decision(
            waiting.id,
            one.lease_id,
            verdict.state,
            verdict.reason,
            verdict.position,
            0,
            verdict.due_at,
            one.answer.trace.status_code,
        )
        decisions.append(decision)
        if verdict.hold_until is not None:
            known = holds.get(one.endpoint_id, verdict.hold_until)
            holds[one.endpoint_id] = max(known, verdict.hold_until)
    await apply_decisions(tx, decisions)
    for endpoint_id, until in holds.items():
        await hold(tx, endpoint_id, until)


def _effects(sent: Sequence[Sent]) -> Mapping[str, Effect]:
    return {
        one.endpoint_id: one.answer.effect
        for one in sent
        if not isinstance(one.answer.effect, Keep)
    }


async def _apply(tx: Transaction, endpoint_id: str, effect: Effect, *, terms: Terms) -> None:
    match effect:
        case Keep():
            return
        case Disable(reason):
            await close_endpoint(tx, endpoint_id, reason)
        case MoveTo(address):
            ciphertext, address_hash = terms.seal_address(address)
            if await move_endpoint(tx, endpoint_id, ciphertext, hashed=address_hash):
                await forget_health(tx, endpoint_id)
            else:
                await close_endpoint(tx, endpoint_id, DisableReason.GONE)
        case _:
            assert_never(effect)


def _attempt(one: Sent, worker: str, ahead: timedelta) -> dict[str, object]:
    """ahead: of the database's clock, by which it was scheduled and is logged."""
    waiting, answer, trace = one.parcel.waiting, one.answer, one.answer.trace
    outcome, reason, provider_id = _words(answer.outcome)
    detail = None if trace.detail is None else trace.detail.replace("\0", "")
    return {
        "id": one.attempt_id,
        "delivery_id": waiting.id,
        "send_id": one.send_id,
        "number": one.parcel.number,
        "trigger": waiting.trigger,
        "position": waiting.position,
        "scheduled_for": waiting.due_at,
        "started_at": one.started_at + ahead,
        "ended_at": one.ended_at + ahead,
        "outcome": outcome,
        "reason": reason,
        "status_code": trace.status_code,
        "response_body": trace.response_body or None,
        "truncated": trace.truncated,
        "remote_address": trace.remote_address,
        "timings_ms": trace.timings_ms,
        "secret_ids": trace.secret_ids,
        "provider_id": provider_id,
        "effect": None if isinstance(answer.effect, Keep) else type(answer.effect).__name__.lower(),
        "detail": detail,
        "worker": worker,
    }


def _words(outcome: Outcome) -> tuple[str, str | None, str | None]:
    """(outcome, reason, provider's id) as the log writes them."""
    match outcome:
        case Delivered(provider_id):
            return "delivered", None, provider_id
        case Deferred(reason):
            return "deferred", reason.value, None
        case Rejected(reason):
            return "rejected", reason.value, None
        case Unknown(reason):
            return "unknown", reason.value, None
        case _:
            assert_never(outcome)


def log_sent(one: Sent) -> None:
    """The wide event of one attempt."""
    waiting, trace = one.parcel.waiting, one.answer.trace
    outcome, reason, _ = _words(one.answer.outcome)
    emit(
        Step.DELIVERY_ATTEMPTED,
        delivery=waiting.id,
        event_id=waiting.news.id,
        type=waiting.news.facts.type.value,
        endpoint=one.endpoint_id,
        attempt=one.parcel.number,
        outcome=outcome,
        reason=reason,
        status=trace.status_code,
        late_ms=round((one.started_at - waiting.due_at).total_seconds() * 1000),
        duration_ms=round((one.ended_at - one.started_at).total_seconds() * 1000),
    )
