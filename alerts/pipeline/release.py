"""Release: a person decides on a cycle that was held."""

from alerts.errors import Conflict, NotFound
from alerts.pipeline.diff import Ladder, diff_cycle
from alerts.store.cycle_rows import drop_rows
from alerts.store.cycles import CycleRecord, CycleState, find_cycle, move_cycle
from alerts.store.engine import Store


async def release(cycle_id: str, *, store: Store, ladder: Ladder) -> CycleRecord:
    """Believe a held cycle after all. Raises NotFound, or Conflict if it is not held."""
    await _decide(cycle_id, store=store, to=CycleState.SEALED)
    return await diff_cycle(cycle_id, store=store, ladder=ladder)


async def discard(cycle_id: str, *, store: Store) -> CycleRecord:
    """Drop a held cycle for good. Raises NotFound, or Conflict if it is not held."""
    return await _decide(cycle_id, store=store, to=CycleState.DISCARDED)


async def _decide(cycle_id: str, *, store: Store, to: CycleState) -> CycleRecord:
    async with store.write() as tx:
        moved = await move_cycle(tx, cycle_id, expected=(CycleState.HELD,), to=to)
        record = await find_cycle(tx, cycle_id)
        if record is None:
            raise NotFound("cycle", cycle_id)
        if not moved:
            problem = f"cycle {cycle_id} is {record.state}; only a held one can be decided on"
            raise Conflict(problem)
        if to is CycleState.DISCARDED:
            await drop_rows(tx, cycle_id)
    return record
