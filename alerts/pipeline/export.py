"""Export: the log from end to end, a piece at a time, however slowly it is taken."""

from collections.abc import AsyncIterator
from typing import Final

from alerts.store.deliveries import AttemptRecord, DeliveryRecord, attempts_at
from alerts.store.engine import Store
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place

# Deliveries read at once; their attempts may have 16 KiB of an answer each.
PIECE: Final = 100


async def export_log(
    wanted: LogFilter, *, app_id: str | None, store: Store
) -> AsyncIterator[tuple[DeliveryRecord, list[AttemptRecord]]]:
    """Deliveries in the order of the log, each with its attempts in theirs.

    No transaction is open while the caller has one in hand. Each is as it was when it was read;
    what is written meanwhile about events that were passed already does not come.
    """
    before: Place | None = None
    while True:
        async with store.read() as tx:
            piece = await list_deliveries(tx, wanted, app_id=app_id, before=before, limit=PIECE)
            tries = await attempts_at(tx, [record.id for record in piece])
        for record in piece:
            yield record, tries.get(record.id, [])
        if len(piece) < PIECE:
            return
        before = Place(piece[-1].sequence, piece[-1].endpoint_id)
