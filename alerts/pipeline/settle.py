"""Settle: outcomes become attempts, states and due times, in batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from alerts.domain.deliveries import (
    Answer,
    Deferred,
    Delivered,
    Disable,
    Effect,
    Keep,
    MoveTo,
    Outcome,
    Rejected,
    Unknown,
    Verdict,
    next_state,
)
from alerts.domain.retries import RetrySchedule
from alerts.pipeline.claim import Parcel
from alerts.pipeline.health import Tried, close_endpoint, watch
from alerts.pipeline.move import move
from alerts.store.attempts import insert_attempts
from alerts.store.decisions import Decision, apply_decisions, deliver_late
from alerts.store.engine import Transaction
from alerts.store.fan_out import make_due
from alerts.store.health import HeldLane, lock_held
from alerts.store.lanes import hold
from alerts.store.outbox import Waiting
from alerts.telemetry import Step, emit


class Sent(NamedTuple):
    """A parcel with what came of it. schedule: the endpoint's own, None for the service's.

    attempt_ids: of each of its deliveries in their order; fixed before they are written, for what
    becomes of a commit is not always learned.
    started_at, ended_at: by this worker's clock; the log has them by the database's.
    """

    endpoint_id: str
    lease_id: str
    send_id: str
    attempt_ids: tuple[str, ...]
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
    await insert_attempts(tx, [row for one in sent for row in _attempts(one, terms.worker, ahead)])
    ours = [one for one in sent if holders.get(one.endpoint_id) == one.lease_id]
    await _deliver_late(tx, [one for one in sent if holders.get(one.endpoint_id) != one.lease_id])
    learned = await watch(
        tx,
        # However many it told of, a send is one try at its endpoint.
        [Tried(one.parcel.waiting[0], one.answer.outcome) for one in ours],
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
    await deliver_late(
        tx, {key: one.answer.trace.status_code for one in late for key in one.parcel.ids}
    )
    # What waited for one of them need not wait any longer.
    await make_due(tx, sorted({one.endpoint_id for one in late}), await tx.now())


async def _decide(tx: Transaction, ours: Sequence[Sent], terms: Terms) -> None:
    now = await tx.now()
    decisions: list[Decision] = []
    holds: dict[str, datetime] = {}
    for one in ours:
        # One for all of it: what went together comes back together.
        jitter = terms.jitter()
        for waiting in one.parcel.waiting:
            verdict = next_state(
                one.answer.outcome,
                position=waiting.position,
                now=now,
                expires_at=waiting.expires_at,
                schedule=one.schedule or terms.schedule,
                jitter=jitter,
            )
            decisions.append(_decision(one, waiting, verdict))
            if verdict.hold_until is not None:
                known = holds.get(one.endpoint_id, verdict.hold_until)
                holds[one.endpoint_id] = max(known, verdict.hold_until)
    await apply_decisions(tx, decisions)
    for endpoint_id, until in holds.items():
        await hold(tx, endpoint_id, until)


def _decision(one: Sent, waiting: Waiting, verdict: Verdict) -> Decision:
    return Decision(
        waiting.id,
        one.lease_id,
        verdict.state,
        verdict.reason,
        verdict.position,
        0,
        verdict.due_at,
        one.answer.trace.status_code,
    )


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
            # Where that cannot be now, the next send is answered alike.
            await move(tx, endpoint_id, ciphertext, hashed=address_hash)
        case _:
            assert_never(effect)


def _attempts(one: Sent, worker: str, ahead: timedelta) -> Iterator[dict[str, object]]:
    """A row for each delivery. ahead: of the database's clock, by which it is logged."""
    sent = _of_send(one, worker, ahead)
    for attempt_id, waiting in zip(one.attempt_ids, one.parcel.waiting, strict=True):
        yield sent | {
            "id": attempt_id,
            "delivery_id": waiting.id,
            "number": waiting.attempts + 1,
            "trigger": waiting.trigger,
            "position": waiting.position,
            "scheduled_for": waiting.due_at,
        }


def _of_send(one: Sent, worker: str, ahead: timedelta) -> dict[str, object]:
    answer, trace = one.answer, one.answer.trace
    outcome, reason, provider_id = _words(answer.outcome)
    detail = None if trace.detail is None else trace.detail.replace("\0", "")
    return {
        "send_id": one.send_id,
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
    """The wide event of each attempt."""
    outcome, reason, _ = _words(one.answer.outcome)
    for waiting in one.parcel.waiting:
        emit(
            Step.DELIVERY_ATTEMPTED,
            delivery=waiting.id,
            event_id=waiting.news.id,
            type=waiting.news.facts.type.value,
            endpoint=one.endpoint_id,
            attempt=waiting.attempts + 1,
            outcome=outcome,
            reason=reason,
            status=one.answer.trace.status_code,
            late_ms=round((one.started_at - waiting.due_at).total_seconds() * 1000),
            duration_ms=round((one.ended_at - one.started_at).total_seconds() * 1000),
        )
