"""Fan out: each event becomes one delivery for every endpoint that wants it, or is to hear it."""

from collections import deque
from typing import Final

from alerts.ports import Call, Waker
from alerts.store.cycles import CycleRecord, CycleState, find_cycle
from alerts.store.engine import Store, Transaction
from alerts.store.fan_out import FAN_OUT_CHUNK, Chunk, cycles_to_fan_out, fan_out_chunk
from alerts.store.notices import fan_out_notice, notices_to_fan_out
from alerts.telemetry import Step, emit

# Deliveries owed while somebody waits for the answer to a push: some 10 ms of it.
QUICKLY_OWED: Final = 500
# Small cycles that are fanned out in one transaction: some 50 ms of it.
CYCLES_AT_ONCE: Final = 16


async def fan_out_events(*, store: Store, waker: Waker, chunk_size: int = FAN_OUT_CHUNK) -> int:
    """Fan out all that waits for it, cycles and notices; how many deliveries there came to be."""
    written = await fan_out_cycles(store=store, waker=waker, chunk_size=chunk_size)
    return written + await fan_out_notices(store=store, waker=waker)


async def fan_out_notices(*, store: Store, waker: Waker) -> int:
    """Owe what concerns an app to its endpoints; how many deliveries."""
    async with store.read() as tx:
        waiting = await notices_to_fan_out(tx)
    written = 0
    for event_id in waiting:
        is_last = False
        while not is_last:
            async with store.write() as tx:
                told, is_last = await fan_out_notice(tx, event_id)
            written += told
    if written:
        await waker.wake(Call.LANES)
    return written


async def fan_out_cycles(*, store: Store, waker: Waker, chunk_size: int = FAN_OUT_CHUNK) -> int:
    """Fan out all cycles that wait for it, in the order of their events; how many deliveries.

    One transaction for each chunk; a restart, or another worker, goes on at the next.
    """
    async with store.read() as tx:
        waiting = deque(await cycles_to_fan_out(tx))
    written = 0
    while waiting:
        async with store.write() as tx:
            chunks = await _fan_out_next(tx, waiting, size=chunk_size)
        deliveries = sum(chunk.deliveries for _, chunk in chunks)
        written += deliveries
        if deliveries:
            await waker.wake(Call.LANES)
        for cycle_id, chunk in chunks:
            log_fanned_out(cycle_id, chunk)
    return written


def log_fanned_out(cycle_id: str, chunk: Chunk) -> None:
    """Say what one transaction of fan-out came to, once it is committed."""
    emit(
        Step.CYCLE_FANNED_OUT,
        cycle=cycle_id,
        endpoints=chunk.endpoints,
        deliveries=chunk.deliveries,
        done=chunk.is_last,
    )


async def fan_out_quickly(tx: Transaction, record: CycleRecord) -> Chunk | None:
    """Begin to fan out a cycle that was just diffed; None where that is left to a worker."""
    # Endpoints, each of which may want every event.
    size = QUICKLY_OWED // max(1, record.events)
    if record.state is not CycleState.DIFFED or not size:
        return None
    return await fan_out_chunk(tx, record, size=size)


async def _fan_out_next(
    tx: Transaction, waiting: deque[str], *, size: int
) -> list[tuple[str, Chunk]]:
    """One chunk of the first of these cycles, and of small ones behind it; what is done leaves.

    On PostgreSQL of one alone, for lanes are locked in order of id within a transaction. SQLite's
    writers take turns, and one turn a cycle would be too few beside many that push.
    """
    chunks: list[tuple[str, Chunk]] = []
    for _ in range(1 if tx.is_postgresql else CYCLES_AT_ONCE):
        if not waiting or size <= 0:
            break
        record = await find_cycle(tx, waiting[0])
        chunk = None
        if record is not None and record.state is CycleState.DIFFED:
            chunk = await fan_out_chunk(tx, record, size=size)
        if chunk is not None:
            chunks.append((waiting[0], chunk))
            size -= max(chunk.endpoints, chunk.deliveries)
        if chunk is None or chunk.is_last:
            waiting.popleft()
    return chunks
