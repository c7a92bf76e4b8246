"""The wire: what may go out of a turn goes, and every answer is kept until it is settled."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from alerts.domain.deliveries import Channel
from alerts.domain.ids import ATTEMPT, SEND
from alerts.pipeline.claim import Parcel
from alerts.pipeline.pools import Pool
from alerts.pipeline.settle import Sent
from alerts.pipeline.turn import HANGING_SECONDS, Turn, begin, keep_back, lose, stops
from alerts.ports import Clock, Sender
from alerts.store.engine import Store
from alerts.telemetry import Step, fail


class Wire:
    """Sends in flight. answered: set when there is something to settle."""

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[Channel, Sender],
        clock: Clock,
        deadline: float,
        pools: Mapping[str, Pool],
        new_id: Callable[[str], str],
    ) -> None:
        self.sent: Final[list[Sent]] = []
        self.answered: Final = asyncio.Event()
        self._store = store
        self._senders = senders
        self._clock = clock
        self._deadline = deadline
        self._pools = pools
        self._new_id = new_id
        self._closed = False
        self._sends: set[asyncio.Task[None]] = set()
        self._suspects = asyncio.Lock()
        self._settled = asyncio.Event()

    def pump(self, turn: Turn) -> None:
        """Put on the wire what may go."""
        while (parcel := self._next(turn)) is not None:
            task = asyncio.create_task(self._send_on(turn, parcel))
            self._sends.add(task)
            task.add_done_callback(partial(self._ended, turn))

    def _next(self, turn: Turn) -> Parcel | None:
        """What may go now, and is in flight; never with less than a deadline of lease left."""
        if not turn.waiting or turn.in_flight >= turn.width or turn.is_stopped or self._closed:
            return None
        now = self._clock.monotonic()
        if not turn.lasts(now + self._deadline) or not self._has_slot(turn, now):
            return None
        turn.in_flight += 1
        return turn.waiting.popleft()

    async def _send_on(self, turn: Turn, parcel: Parcel | None) -> None:
        """One send after the other, as long as something may go."""
        while parcel is not None:
            await (self._send_alone if parcel.is_suspect else self._send)(turn, parcel)
            parcel = self._next(turn)

    def _has_slot(self, turn: Turn, now: float) -> bool:
        """Whether a send may start now; if so its slots are reserved, else it comes back later."""
        if turn.pace is not None and (wait := turn.pace.wait(now)):
            self._pump_after(turn, wait)
            return False
        if turn.pool is not None and not self._has_slot_in_pool(turn, turn.pool, now):
            return False
        if turn.pace is not None:
            turn.pace.reserve()
        return True

    def _has_slot_in_pool(self, turn: Turn, name: str, now: float) -> bool:
        pool = self._pools.get(name)
        if pool is None or pool.lease_ends < now + self._deadline:
            return False
        wait = pool.pace.wait(now)
        # Whoever looks as a slot comes goes behind those who wait for it, called or not.
        if wait or (pool.in_line and pool.in_line[0] is not turn):
            if turn not in pool.in_line:
                pool.in_line.append(turn)
            self._call_next(pool, wait)
            return False
        if pool.in_line:
            pool.in_line.popleft()
        pool.pace.reserve()
        return True

    def _call_next(self, pool: Pool, wait: float) -> None:
        if not pool.is_timed and wait < math.inf:
            pool.is_timed = True
            asyncio.get_running_loop().call_later(wait, self._next_in_line, pool)

    def _next_in_line(self, pool: Pool) -> None:
        pool.is_timed = False
        while pool.in_line and not (wait := pool.pace.wait(self._clock.monotonic())):
            self.pump(pool.in_line[0])
            if not pool.pace.wait(self._clock.monotonic()):
                # It has nothing to send any more, or may not yet.
                pool.in_line.popleft()
        if pool.in_line:
            self._call_next(pool, wait)

    def _started(self, turn: Turn) -> None:
        """A send of this turn starts now, or will not."""
        now = self._clock.monotonic()
        pool = None if turn.pool is None else self._pools.get(turn.pool)
        if pool is not None:
            pool.pace.started(now)
            if pool.in_line:
                self._call_next(pool, pool.pace.wait(now))
        if turn.pace is not None:
            turn.pace.started(now)
        if pool is not None or turn.pace is not None:
            self.pump(turn)

    def forget(self, settled: Sequence[Sent]) -> None:
        """Let go of answers: they are settled."""
        gone = set(map(id, settled))
        self.sent[:] = [one for one in self.sent if id(one) not in gone]
        self._settled.set()
        self._settled = asyncio.Event()

    async def close(self) -> None:
        """Nothing more goes; what is on the wire may end, and what does not is cut off."""
        self._closed = True
        if self._sends:
            await asyncio.wait(self._sends, timeout=self._deadline + 1)
        for send in self._sends:
            send.cancel()

    def _pump_after(self, turn: Turn, wait: float) -> None:
        if turn.is_timed or wait == math.inf:
            return
        turn.is_timed = True
        asyncio.get_running_loop().call_later(wait, self._pump_again, turn)

    def _pump_again(self, turn: Turn) -> None:
        turn.is_timed = False
        self.pump(turn)

    def _ended(self, turn: Turn, send: asyncio.Task[None]) -> None:
        self._sends.discard(send)
        error = None if send.cancelled() else send.exception()
        if error is not None:
            # A channel that breaks its word: its lane is left to the end of the lease.
            fail(Step.JOB_FAILED, error, job="send", endpoint=turn.endpoint_id)
            turn.in_flight -= 1
            lose([turn])
            self.answered.set()

    async def _send_alone(self, turn: Turn, parcel: Parcel) -> None:
        """One suspect at a time: of those that kill, and those they took along, who is which.

        The next begins once this one's answer is written, or it would be cut off by another's
        doing. One that hangs has not killed anybody so far, and keeps the next waiting no longer.
        """
        async with self._suspects:
            sending = asyncio.create_task(self._send(turn, parcel))
            try:
                await asyncio.wait({sending}, timeout=HANGING_SECONDS)
                while sending.done() and any(one.parcel is parcel for one in self.sent):
                    await self._settled.wait()
            except asyncio.CancelledError:
                sending.cancel()
                raise
        await sending

    async def _send(self, turn: Turn, parcel: Parcel) -> None:
        sender = self._senders[turn.destination.channel]
        if (not sender.repeatable or parcel.is_suspect) and not await self._begin(turn, parcel):
            self._started(turn)
            self.answered.set()
            return
        started = self._clock.now()
        self._started(turn)
        answer = await sender.send(turn.destination, parcel.letters)
        turn.in_flight -= 1
        turn.answered += 1
        turn.is_stopped = turn.is_stopped or stops(answer)
        attempt_ids = tuple([self._new_id(ATTEMPT) for _ in parcel.waiting])
        sent = Sent(
            endpoint_id=turn.endpoint_id,
            lease_id=turn.lease_id,
            send_id=SEND + attempt_ids[0].removeprefix(ATTEMPT),
            attempt_ids=attempt_ids,
            schedule=turn.schedule,
            parcel=parcel,
            answer=answer,
            started_at=started,
            ended_at=self._clock.now(),
        )
        self.sent.append(sent)
        self.answered.set()

    async def _begin(self, turn: Turn, parcel: Parcel) -> bool:
        if self._closed:
            keep_back(turn, parcel)
            return False
        return await begin(
            turn, parcel, store=self._store, clock=self._clock, deadline=self._deadline
        )
