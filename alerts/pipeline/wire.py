"""The wire: what may go out of a turn goes, and every answer is kept until it is settled."""

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from alerts.domain.deliveries import Channel
from alerts.domain.ids import SEND
from alerts.pipeline.claim import Parcel
from alerts.pipeline.settle import Sent
from alerts.pipeline.turn import Turn, begin, lose, stops
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
        new_id: Callable[[str], str],
    ) -> None:
        self.sent: Final[list[Sent]] = []
        self.answered: Final = asyncio.Event()
        self._store = store
        self._senders = senders
        self._clock = clock
        self._deadline = deadline
        self._new_id = new_id
        self._closed = False
        self._sends: set[asyncio.Task[None]] = set()

    def pump(self, turn: Turn) -> None:
        """Put on the wire what may go; never with less than a deadline of lease left."""
        while turn.waiting and turn.in_flight < turn.width and not turn.is_stopped:
            now = self._clock.monotonic()
            if self._closed or not turn.lasts(now + self._deadline):
                return
            if turn.pace is not None:
                if wait := turn.pace.wait(now):
                    self._pump_after(turn, wait)
                    return
                turn.pace.reserve()
            turn.in_flight += 1
            task = asyncio.create_task(self._send(turn, turn.waiting.popleft()))
            self._sends.add(task)
            task.add_done_callback(partial(self._ended, turn))

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

    async def _send(self, turn: Turn, parcel: Parcel) -> None:
        sender = self._senders[turn.destination.channel]
        if not sender.repeatable and not await begin(
            turn, parcel, store=self._store, clock=self._clock, deadline=self._deadline
        ):
            self.answered.set()
            return
        started = self._clock.now()
        if turn.pace is not None:
            turn.pace.started(self._clock.monotonic())
            self.pump(turn)
        answer = await sender.send(turn.destination, (parcel.letter,))
        turn.in_flight -= 1
        turn.answered += 1
        turn.is_stopped = turn.is_stopped or stops(answer)
        sent = Sent(
            endpoint_id=turn.endpoint_id,
            lease_id=turn.lease_id,
            send_id=self._new_id(SEND),
            parcel=parcel,
            answer=answer,
            started_at=started,
            ended_at=self._clock.now(),
        )
        self.sent.append(sent)
        self.answered.set()
        self.pump(turn)
