"""The claimer: claims many lanes at once, and finds the one that cannot be claimed."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from alerts.errors import StorageFailed
from alerts.pipeline.claim import ClaimedLane, Rules, claim
from alerts.store.engine import Store
from alerts.store.lanes import set_aside
from alerts.telemetry import Step, fail

# A lane that breaks a claim is left alone for so long.
BROKEN_WAIT: Final = timedelta(minutes=5)


class Claimer:
    """Claims for one worker.

    What one endpoint's row holds must not stop the others: after a claim that broke, lanes are
    claimed one by one until the broken one is found, and that is set aside; or until all that it
    may have been are claimed, for another worker may have found it.
    """

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        # Lanes of a claim that broke which are still to be looked at, one by one.
        self._suspected = 0

    async def claim(self, room: int, pools: Collection[str]) -> list[ClaimedLane]:
        """Up to `room` lanes, begun. pools: those we hold. Raises StorageFailed."""
        limit = 1 if self._suspected else room
        try:
            # Were the claim lost with the machine, what was sent of it is sent again, as if it had
            # still been under way.
            async with self._store.write(waits_for_disk=False) as tx:
                claimed = await claim(tx, self._rules, limit=limit, pools=pools)
        except StorageFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a worker's edge: the other lanes go on.
            fail(Step.JOB_FAILED, error, job="claim")
        else:
            self._suspected = max(0, self._suspected - 1)
            return claimed
        if self._suspected:
            async with self._store.write() as tx:
                await set_aside(tx, BROKEN_WAIT, pools)
        self._suspected = 0 if self._suspected else room
        return []
