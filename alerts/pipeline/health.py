"""Health: what settled attempts say of their endpoints, and what follows from that."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from alerts.domain.deliveries import Outcome
from alerts.domain.health import Health, observe
from alerts.store.engine import Transaction
from alerts.store.health import HeldLane, write_health
from alerts.telemetry import Step, emit


async def watch(
    tx: Transaction,
    outcomes: Mapping[str, Sequence[Outcome]],
    held: Mapping[str, HeldLane],
    *,
    jitter: Callable[[], float],
) -> dict[str, Health]:
    """Learn from what was just settled; returns what is new of each endpoint.

    outcomes: by endpoint, as they ended. held: their lanes, which are locked.
    """
    now = await tx.now()
    learned: dict[str, Health] = {}
    for endpoint_id, ended in outcomes.items():
        before = held[endpoint_id].health
        after = observe(before, ended, now=now, jitter=jitter())
        if after != before:
            learned[endpoint_id] = after
            _say(endpoint_id, before, after, now=now)
    await write_health(tx, learned)
    return learned


def _say(endpoint_id: str, before: Health, after: Health, *, now: datetime) -> None:
    """A line of log where a breaker opens or closes."""
    if before.opened_at is None and after.opened_at is not None:
        emit(Step.BREAKER_OPENED, endpoint=endpoint_id, failures=after.failures)
    elif before.opened_at is not None and after.opened_at is None:
        open_ms = round((now - before.opened_at).total_seconds() * 1000)
        emit(Step.BREAKER_CLOSED, endpoint=endpoint_id, failures=before.failures, open_ms=open_ms)
