"""Pools: lanes that share one platform's limit, all sent by the one worker that holds the pool."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from alerts.domain.ids import LEASE
from alerts.pipeline.pace import Pace
from alerts.pipeline.turn import Turn
from alerts.ports import Clock
from alerts.store.engine import Store
from alerts.store.pools import free_pools, hold_pools

# Lanes of a pool that wait for their slots: as many as go in so long. What is newer, and what a
# chat says meanwhile, is not heard by a lane that is claimed already.
AHEAD_SECONDS: Final = 1.0


@dataclass(slots=True)
class Pool:
    """A pool we hold. lease_ends: seconds of the monotonic clock; in_line: turns in their order."""

    pace: Pace
    lease_ends: float
    in_line: deque[Turn] = field(default_factory=deque)
    is_timed: bool = False


class Pools:
    """The pools that this worker may send, as far as nobody else has them."""

    def __init__(
        self, rates: Mapping[str, float], *, store: Store, clock: Clock, lease: timedelta
    ) -> None:
        self.held: dict[str, Pool] = {}
        self._rates = rates
        self._store = store
        self._clock = clock
        self._lease = lease
        self._lease_id = ""
        self._asked = float("-inf")

    async def keep(self) -> None:
        """Take what is free, and hold on to what is ours; asks three times a lease."""
        asked = self._clock.monotonic()
        if not self._rates or asked - self._asked < self._lease.total_seconds() / 3:
            return
        async with self._store.write() as tx:
            self._lease_id = self._lease_id or await tx.new_id(LEASE)
            ours = await hold_pools(tx, self._rates, self._lease_id, lease=self._lease)
        self._asked = asked
        ends = asked + self._lease.total_seconds()
        for name, wait in ours.items():
            if name not in self.held:
                since = self._clock.monotonic() + wait.total_seconds()
                self.held[name] = Pool(Pace.of(self._rates[name], since=since), ends)
            self.held[name].lease_ends = ends
        for name in self.held.keys() - ours.keys():
            del self.held[name]

    def with_room(self, turns: Iterable[Turn]) -> dict[str, int]:
        """Pools of which lanes may be claimed, and how many: a pool is filled when half empty."""
        waiting = Counter(turn.pool for turn in turns if turn.pool is not None and turn.waiting)
        room: dict[str, int] = {}
        for name in self.held:
            most = max(1, round(self._rates[name] * AHEAD_SECONDS))
            if waiting[name] <= most // 2:
                room[name] = most - waiting[name]
        return room

    async def free(self) -> None:
        """Give back what is held. Raises StorageFailed."""
        now = self._clock.monotonic()
        waits = {
            name: timedelta(seconds=each.pace.free_in(now)) for name, each in self.held.items()
        }
        self.held.clear()
        if waits:
            async with self._store.write() as tx:
                await free_pools(tx, self._lease_id, waits)
