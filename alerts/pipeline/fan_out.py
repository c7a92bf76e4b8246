"""Fan out: each event becomes one delivery for every endpoint that wants it, or is to hear it."""

from alerts.ports import Waker
from alerts.store.cycles import CycleState, find_cycle
from alerts.store.engine import Store
from alerts.store.fan_out import FAN_OUT_CHUNK, cycles_to_fan_out, fan_out_chunk
from alerts.store.notices import fan_out_notice, notices_to_fan_out
from alerts.telemetry import Step, emit


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
        await waker.wake()
    return written


async def fan_out_cycles(*, store: Store, waker: Waker, chunk_size: int = FAN_OUT_CHUNK) -> int:
    """Fan out all cycles that wait for it, in the order of their events; how many deliveries.

    One transaction for each chunk; a restart, or another worker, goes on at the next.
    """
    async with store.read() as tx:
        waiting = await cycles_to_fan_out(tx)
    written = 0
    for cycle_id in waiting:
        written += await _fan_out(cycle_id, store=store, waker=waker, chunk_size=chunk_size)
    return written


async def _fan_out(cycle_id: str, *, store: Store, waker: Waker, chunk_size: int) -> int:
    written = 0
    while True:
        async with store.write() as tx:
            record = await find_cycle(tx, cycle_id)
            if record is None or record.state is not CycleState.DIFFED:
                return written
            chunk = await fan_out_chunk(tx, record, size=chunk_size)
        if chunk is None:
            return written
        written += chunk.deliveries
        if chunk.deliveries:
            await waker.wake()
        emit(
            Step.CYCLE_FANNED_OUT,
            cycle=cycle_id,
            endpoints=chunk.endpoints,
            deliveries=chunk.deliveries,
            done=chunk.is_last,
        )
        if chunk.is_last:
            return written
