"""Recover: what a lost worker left behind goes on; lanes that would sleep are woken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from alerts.domain.deliveries import Channel, Reason, after_interruption
from alerts.domain.ids import ATTEMPT, SEND
from alerts.store.attempts import insert_attempts
from alerts.store.counters import add_to_counter
from alerts.store.decisions import Decision, apply_decisions
from alerts.store.engine import Store, Transaction
from alerts.store.lanes import expired_lanes, free_lanes
from alerts.store.lost import (
    Interrupted,
    adopt,
    free_reserved,
    lanes_asleep,
    lost_deliveries,
    repair_lanes,
)
from alerts.telemetry import Step, emit

# Lanes looked at in one transaction.
BATCH: Final = 500
LANES_REPAIRED: Final = "lanes_repaired"


async def recover(
    tx: Transaction,
    lost: Sequence[tuple[str, str]],
    *,
    repeatable: frozenset[Channel],
    worker: str,
) -> None:
    """Decide on the deliveries of (endpoint, ended lease) pairs; their lanes are locked.

    Reserved ones are free again; each one begun gets an `interrupted` attempt, and goes again at
    once if its channel can tell repeats, else waits for a person.
    """
    endpoint_ids = [endpoint_id for endpoint_id, _ in lost]
    lease_ids = sorted({lease_id for _, lease_id in lost})
    now = await tx.now()
    cut_off = await lost_deliveries(tx, lease_ids, endpoint_ids)
    sends: dict[object, str] = {}
    for one in cut_off:
        sends.setdefault(_begun_with(one, repeatable), await tx.new_id(SEND))
    await insert_attempts(
        tx,
        [
            await _attempt(tx, one, sends[_begun_with(one, repeatable)], now=now, worker=worker)
            for one in cut_off
        ],
    )
    lease_of = dict(lost)
    ended = [
        _decision(one, now, lease_id=lease_of[one.endpoint_id], repeatable=repeatable)
        for one in cut_off
    ]
    await apply_decisions(tx, ended)
    await free_reserved(tx, lease_ids, endpoint_ids)
    emit(Step.LANES_RECOVERED, lanes=len(lost), interrupted=len(cut_off))


async def reap(*, store: Store, repeatable: frozenset[Channel], worker: str) -> int:
    """Free the lanes of lost workers, and repair lanes that would sleep; how many were repaired.

    A repair is counted for good under `lanes_repaired`: any is a bug.
    """
    while True:
        async with store.write() as tx:
            lost = await expired_lanes(tx, BATCH)
            if lost:
                await recover(tx, lost, repeatable=repeatable, worker=worker)
                await free_lanes(tx, [endpoint_id for endpoint_id, _ in lost])
        if len(lost) < BATCH:
            break
    async with store.write() as tx:
        await adopt(tx, BATCH)
    async with store.read() as tx:
        asleep = await lanes_asleep(tx, BATCH)
    if not asleep:
        return 0
    async with store.write() as tx:
        repaired = await repair_lanes(tx, asleep)
        await add_to_counter(tx, LANES_REPAIRED, repaired)
    if repaired:
        emit(Step.LANES_REPAIRED, lanes=repaired)
    return repaired


def _decision(
    one: Interrupted, now: datetime, *, lease_id: str, repeatable: frozenset[Channel]
) -> Decision:
    verdict = after_interruption(
        repeatable=one.channel in repeatable,
        interruptions=one.interruptions + 1,
        position=one.position,
        now=now,
    )
    return Decision(
        one.id,
        lease_id,
        verdict.state,
        verdict.reason,
        verdict.position,
        one.interruptions + 1,
        verdict.due_at,
        None,
    )


def _begun_with(one: Interrupted, repeatable: frozenset[Channel]) -> object:
    """What is the same for all of one send: what cannot be repeated is begun send by send."""
    return one.id if one.channel in repeatable else (one.endpoint_id, one.started_at)


async def _attempt(
    tx: Transaction, one: Interrupted, send_id: str, *, now: datetime, worker: str
) -> dict[str, object]:
    return {
        "id": await tx.new_id(ATTEMPT),
        "delivery_id": one.id,
        "send_id": send_id,
        "number": one.attempts,
        "trigger": one.trigger,
        "position": one.position,
        "scheduled_for": one.due_at,
        "started_at": one.started_at,
        "ended_at": now,
        "outcome": Reason.INTERRUPTED.value,
        "reason": Reason.INTERRUPTED,
        "truncated": False,
        "timings_ms": {},
        "secret_ids": [],
        "detail": "the worker was lost while this was being sent",
        "worker": worker,
    }
