"""Dispatch: claim lanes, send with no transaction open, settle with an attempt each.

One `Dispatcher` runs in a worker. It claims; its wire sends, and its settler settles.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from alerts.domain.deliveries import Channel
from alerts.errors import StorageFailed
from alerts.pipeline.claim import ClaimedLane, Rules
from alerts.pipeline.claimer import Claimer
from alerts.pipeline.pools import Pools
from alerts.pipeline.settle import Terms
from alerts.pipeline.settler import STORAGE_PAUSE_SECONDS, THIRST_SECONDS, Settler
from alerts.pipeline.turn import Turn, lose, turn_of
from alerts.pipeline.wire import Wire
from alerts.ports import Call, Clock, Sender, Waker
from alerts.store.engine import Store
from alerts.store.lanes import extend_leases, next_due
from alerts.telemetry import Step, fail

# Lanes one worker holds at a time; those that are idle do not count, as far as the rules allow.
# Twice as many send no faster, and each send in flight holds 30 KB, over TLS 100.
LANES: Final = 128
# Sends in flight from which on no more lanes are claimed, however many hang: it is their memory.
MOST_SENDS: Final = 2048
# The longest sleep, for a wake-up may be lost.
LONGEST_SLEEP_SECONDS: Final = 0.25

# What is due within so long is waited for where all that is due is to go: a chat takes a message a
# second.
SOON: Final = timedelta(seconds=1.1)


def room_beside(turns: Collection[Turn], now: float, *, most: int) -> int:
    """How many more lanes a worker may take; none if not above 0. most: lanes held in all."""
    if sum(turn.in_flight for turn in turns) >= MOST_SENDS:
        return 0
    return min(LANES + sum(turn.is_idle(now) for turn in turns), most) - len(turns)


class Dispatcher:
    """The dispatch loop of one worker; `run` until `stop`, then everything is given back."""

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[Channel, Sender],
        clock: Clock,
        waker: Waker,
        rules: Rules,
        terms: Terms,
        deadline: timedelta,
        new_id: Callable[[str], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._waker = waker
        self._rules = rules
        self._pools = Pools(rules.pools, store=store, clock=clock, lease=rules.lease)
        self._claimer = Claimer(store, rules)
        self._wire = Wire(
            store=store,
            senders=senders,
            clock=clock,
            deadline=deadline.total_seconds(),
            pools=self._pools.held,
            new_id=new_id,
        )
        self._turns: dict[str, Turn] = {}
        self._look = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._settler = Settler(
            store=store,
            wire=self._wire,
            turns=self._turns,
            clock=clock,
            rules=rules,
            terms=terms,
            ended=self._look.set,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch until `stop`; then finish what is in flight and free the rest.

        Raises what breaks settling or the heartbeat: a worker without them must not look alive.
        """
        settling = [self._settler.run() for _ in range(self._settler.at_once)]
        helpers = [
            asyncio.create_task(work) for work in (*settling, self._keep_leases(), self._listen())
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                async with self._claiming:
                    pause = await self._claim_due()
                looking = asyncio.create_task(self._look.wait())
                awaited = {looking, stopping, *helpers}
                await asyncio.wait(awaited, timeout=pause, return_when=FIRST_COMPLETED)
                looking.cancel()
                self._look.clear()
                if self._is_thirsty():
                    self._wire.answered.set()
                for ended in filter(asyncio.Task.done, helpers):
                    ended.result()
        finally:
            await self._drain([*helpers, stopping])

    async def run_until_idle(self) -> None:
        """Dispatch until nothing is due, or will be at once, and nothing is in flight."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.run(stop))
        try:
            while not running.done():
                await asyncio.sleep(0.02)
                # Lanes that are leased, and have no turn yet, would look like somebody else's.
                async with self._claiming:
                    if self._turns:
                        continue
                    async with self._store.read() as tx:
                        due = await next_due(tx, self._pools.held)
                        now = await tx.now()
                    if due is None or due.at > now + SOON:
                        break
        finally:
            stop.set()
            await running

    async def _claim_due(self) -> float:
        """Claim what is due; returns how long there is nothing more to do, in seconds."""
        await self._keep_pools()
        room = room_beside(self._turns.values(), self._clock.monotonic(), most=self._rules.lanes)
        if room <= 0:
            return LONGEST_SLEEP_SECONDS
        pools = self._pools.with_room(self._turns.values())
        try:
            async with self._store.read() as tx:
                due = await next_due(tx, pools)
                now = await tx.now()
            if due is None or due.at > now:
                wait = LONGEST_SLEEP_SECONDS if due is None else (due.at - now).total_seconds()
                return min(wait, LONGEST_SLEEP_SECONDS)
            asked = self._clock.monotonic()
            room = room if due.pool is None else min(room, pools[due.pool])
            claimed = await self._claimer.claim(room, () if due.pool is None else (due.pool,))
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="claim")
            return STORAGE_PAUSE_SECONDS
        for lane in claimed:
            self._begin(lane, asked)
        # Lanes that are due and not to be had are held by others: no use in asking at once.
        return 0.0 if len(claimed) == room else (0.005 if claimed else LONGEST_SLEEP_SECONDS / 5)

    async def _keep_pools(self) -> None:
        try:
            await self._pools.keep()
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="pools")
        for turn in self._turns.values():
            if turn.pool is None:
                continue
            if turn.pool in self._pools.held:
                self._wire.pump(turn)
            else:
                turn.is_stopped = True
                self._wire.answered.set()

    def _begin(self, lane: ClaimedLane, asked: float) -> None:
        turn = turn_of(lane, began=asked, lease=self._rules.lease)
        self._turns[turn.endpoint_id] = turn
        self._wire.pump(turn)
        if not turn.open:
            self._wire.answered.set()

    def _is_thirsty(self) -> bool:
        """Whether a turn could do more, and has not asked for it lately."""
        now = self._clock.monotonic()
        return any(turn.is_waiting(now, since=THIRST_SECONDS) for turn in self._turns.values())

    async def _keep_leases(self) -> None:
        """Heartbeat: hold on to our lanes, and notice those we have lost."""
        lease = self._rules.lease
        pause = third = lease.total_seconds() / 3
        while True:
            await asyncio.sleep(pause)
            pause = third
            if not self._turns:
                continue
            asked = self._clock.monotonic()
            held = list(self._turns.values())
            leases = {turn.endpoint_id: turn.lease_id for turn in held}
            try:
                async with self._store.write() as tx:
                    kept = await extend_leases(tx, leases, lease)
            except StorageFailed as error:
                fail(Step.JOB_FAILED, error, job="heartbeat")
                pause = min(third, STORAGE_PAUSE_SECONDS)
                continue
            for turn in held:
                if turn.endpoint_id in kept:
                    turn.lease_ends = asked + lease.total_seconds()
                    self._wire.pump(turn)
                elif self._turns.get(turn.endpoint_id) is turn:
                    lose([turn])
                    self._wire.answered.set()

    async def _listen(self) -> None:
        while True:
            await self._waker.wait(Call.LANES, LONGEST_SLEEP_SECONDS)
            self._look.set()

    async def _drain(self, helpers: Sequence[asyncio.Task[Any]]) -> None:
        """Let what is on the wire end, settle it, and free what was not sent."""
        self._settler.take_no_more()
        await self._wire.close()
        await self._settler.stop()
        # Nobody is in the middle of settling now, so nothing is torn.
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        try:
            await self._settler.settle_last()
            await self._pools.free()
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="drain", answers=len(self._wire.sent))
        self._turns.clear()
