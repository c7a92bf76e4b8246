"""Hold: a cycle that is not believed is set aside, and its operator told of it once."""

from alerts.domain.events import CycleView
from alerts.domain.grades import Cycle
from alerts.domain.ids import HOUSE_APP
from alerts.domain.notices import cycle_held_event
from alerts.domain.ratings import HoldReason
from alerts.pipeline.tell import tell_app, to_app
from alerts.store.cycle_rows import keep_rows
from alerts.store.cycles import CycleRecord, CycleState, hold_cycle, list_cycles
from alerts.store.engine import Transaction


async def hold(
    tx: Transaction,
    record: CycleRecord,
    cycle: Cycle,
    *,
    reason: HoldReason,
    reference: int | None,
) -> None:
    """Set a cycle aside until somebody releases or discards it.

    What holds one cycle after the other is told once, until one of them is accepted.
    reference: how many graded tokens it was held against.
    """
    await keep_rows(tx, record.id, cycle)
    await hold_cycle(tx, record.id, reason)
    if await _is_told(tx, record, reason):
        return
    draft = cycle_held_event(
        CycleView(record.id, record.source, record.kind, record.as_of),
        at=await tx.now(),
        audience=to_app(HOUSE_APP),
        reason=reason,
        graded=record.graded,
        reference=reference,
        field=cycle.lacks,
    )
    await tell_app(tx, draft)


async def _is_told(tx: Transaction, record: CycleRecord, reason: HoldReason) -> bool:
    """Whether the cycle that came before this one was held for the same reason."""
    found = await list_cycles(
        tx, before=record.id, limit=1, source=record.source, kind=record.kind.value
    )
    unbelieved = (CycleState.HELD, CycleState.DISCARDED)
    return any(one.state in unbelieved and one.hold_reason is reason for one in found)
