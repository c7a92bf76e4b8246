"""Receive: what a source said becomes cycles that no restart forgets."""

from alerts.domain.grades import Cycle, Kind, SourceName
from alerts.domain.ids import CYCLE
from alerts.domain.readings import Reading
from alerts.store.cycle_rows import keep_rows
from alerts.store.cycles import Origin, insert_cycle
from alerts.store.engine import Transaction


async def receive(
    tx: Transaction,
    reading: Reading,
    *,
    source: SourceName,
    kind: Kind,
    complete: bool,
    origin: Origin,
) -> list[str]:
    """Keep a reading as one cycle for each date in it; their ids, newest date first.

    complete: whether the reading is all there is; with several dates in it no cycle of them is.
    Newest first, so that a token met on two dates is judged by the newer one. Rows that were
    rejected have no date that can be trusted and are kept with the newest.
    """
    dates = sorted(reading.grades, reverse=True)
    ids = []
    for place, as_of in enumerate(dates):
        cycle = Cycle(
            source,
            kind,
            as_of,
            complete=complete and len(dates) == 1,
            grades=reading.grades[as_of],
            unread=reading.unread,
            asked=reading.asked,
            lacks=reading.lacks,
        )
        cycle_id = await tx.new_id(CYCLE)
        rejected = reading.rejected if place == 0 else ()
        await insert_cycle(tx, cycle_id, cycle, origin=origin, rejected=rejected)
        await keep_rows(tx, cycle_id, cycle)
        ids.append(cycle_id)
    return ids
