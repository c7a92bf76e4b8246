"""Change: an endpoint's new settings take effect, from the present event on."""

from dataclasses import replace

from alerts.domain.deliveries import EndpointState
from alerts.store.endpoints import EndpointRecord, update_endpoint
from alerts.store.engine import Transaction
from alerts.store.events import current_sequence
from alerts.store.fan_out import owe_in_advance
from alerts.store.health import forget_health


async def apply_change(
    tx: Transaction, old: EndpointRecord, new: EndpointRecord, *, is_moved: bool = False
) -> EndpointRecord:
    """Store what an endpoint has become; as it is now. Its lane is locked.

    is_moved: to another address, which is stored beside this; what it failed at was at the old one.
    """
    if new.state is not old.state:
        new = replace(new, state_since=await tx.now())
    is_resumed = new.state is EndpointState.ACTIVE and old.state is not EndpointState.ACTIVE
    # Events up to here are the old filter's to judge, fanned out or not; then the new one's.
    present = await current_sequence(tx)
    if (new.filter, new.state) != (old.filter, old.state):
        await owe_in_advance(tx, old.id, through=present)
    await update_endpoint(tx, new, old=old.filter, since=present, is_resumed=is_resumed)
    if is_resumed or is_moved:
        # What it asked for, and what it failed at, was then and there.
        await forget_health(tx, old.id)
    return new
