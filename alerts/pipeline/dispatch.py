"""Dispatch: claim lanes, send with no transaction open, settle with an attempt each.

One `Dispatcher` runs in a worker. While one settling transaction commits, the answers that arrive
gather for the next; it also takes more work for their lanes and gives back those whose turn is
over. So a burst costs few transactions, and a single delivery waits for nobody.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from alerts.domain.deliveries import Channel
from alerts.domain.ids import SEND
from alerts.errors import StorageFailed
from alerts.pipeline.claim import ClaimedLane, Parcel, Rules, claim
from alerts.pipeline.settle import Sent, Terms, log_sent, settle
from alerts.pipeline.turn import Turn, begin, give_back, refill, release, stops, turn_of
from alerts.ports import Clock, Sender, Waker
from alerts.store.engine import Store
from alerts.store.lanes import extend_leases, next_due
from alerts.telemetry import Step, fail

# Lanes one worker holds at a time.
LANES: Final = 256
# The longest sleep, for a wake-up may be lost.
LONGEST_SLEEP_SECONDS: Final = 0.25
# How long a worker lets the database be when it does not answer.
STORAGE_PAUSE_SECONDS: Final = 0.5


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
        self._senders = senders
        self._clock = clock
        self._waker = waker
        self._rules = rules
        self._terms = terms
        self._deadline = deadline.total_seconds()
        self._new_id = new_id
        self._turns: dict[str, Turn] = {}
        self._sent: list[Sent] = []
        self._answered = asyncio.Event()
        self._look = asyncio.Event()
        self._stopping = False
        self._claiming = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._sends: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch until `stop`; then finish what is in flight and free the rest.

        Raises what breaks settling or the heartbeat: a worker without them must not look alive.
        """
        helpers = [
            asyncio.create_task(work)
            for work in (self._settle_answers(), self._keep_leases(), self._listen())
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
                for ended in filter(asyncio.Task.done, helpers):
                    ended.result()
        finally:
            await self._drain([*helpers, stopping])

    async def run_until_idle(self) -> None:
        """Dispatch until nothing is due and nothing is in flight."""
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
                        due = await next_due(tx)
                        now = await tx.now()
                    if due is None or due > now:
                        break
        finally:
            stop.set()
            await running

    async def _claim_due(self) -> float:
        """Claim what is due; returns how long there is nothing more to do, in seconds."""
        room = LANES - len(self._turns)
        if not room:
            return LONGEST_SLEEP_SECONDS
        try:
            async with self._store.read() as tx:
                due = await next_due(tx)
                now = await tx.now()
            if due is None or due > now:
                wait = LONGEST_SLEEP_SECONDS if due is None else (due - now).total_seconds()
                return min(wait, LONGEST_SLEEP_SECONDS)
            asked = self._clock.monotonic()
            async with self._store.write() as tx:
                claimed = await claim(tx, self._rules, limit=room)
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="claim")
            return STORAGE_PAUSE_SECONDS
        for lane in claimed:
            self._begin(lane, asked)
        # Lanes that are due and not to be had are held by others: no use in asking at once.
        return 0.0 if len(claimed) == room else (0.005 if claimed else LONGEST_SLEEP_SECONDS / 5)

    def _begin(self, lane: ClaimedLane, asked: float) -> None:
        turn = turn_of(lane, began=asked, lease=self._rules.lease)
        self._turns[turn.endpoint_id] = turn
        self._pump(turn)
        if not turn.open:
            self._answered.set()

    def _pump(self, turn: Turn) -> None:
        """Put on the wire what may go; never with less than a deadline of lease left."""
        while turn.waiting and turn.in_flight < turn.width and not turn.is_stopped:
            if self._stopping or not turn.lasts(self._clock.monotonic() + self._deadline):
                return
            turn.in_flight += 1
            task = asyncio.create_task(self._send(turn, turn.waiting.popleft()))
            self._sends.add(task)
            task.add_done_callback(partial(self._ended, turn))

    def _ended(self, turn: Turn, send: asyncio.Task[None]) -> None:
        self._sends.discard(send)
        error = None if send.cancelled() else send.exception()
        if error is not None:
            # A channel that breaks its word: its lane is left to the end of the lease.
            fail(Step.JOB_FAILED, error, job="send", endpoint=turn.endpoint_id)
            turn.is_stopped = True
            if self._turns.get(turn.endpoint_id) is turn:
                del self._turns[turn.endpoint_id]

    async def _send(self, turn: Turn, parcel: Parcel) -> None:
        sender = self._senders[turn.destination.channel]
        if not sender.repeatable and not await begin(
            turn, parcel, store=self._store, clock=self._clock, deadline=self._deadline
        ):
            self._answered.set()
            return
        started = self._clock.now()
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
        self._sent.append(sent)
        self._answered.set()
        self._pump(turn)

    def _count(self, sent: Sequence[Sent], step: int) -> None:
        for one in sent:
            turn = self._turns.get(one.endpoint_id)
            if turn is not None and turn.lease_id == one.lease_id:
                turn.answered += step

    async def _settle_answers(self) -> None:
        while True:
            await self._answered.wait()
            async with self._settling:
                self._answered.clear()
                sent = list(self._sent)
                self._count(sent, -1)
                try:
                    await self._settle(sent)
                    continue
                except StorageFailed as error:
                    fail(Step.JOB_FAILED, error, job="settle", answers=len(sent))
                    self._count(sent, 1)
                    self._answered.set()
            await asyncio.sleep(STORAGE_PAUSE_SECONDS)

    async def _settle(self, sent: Sequence[Sent]) -> None:
        touched = {one.endpoint_id for one in sent}
        turns = [
            turn
            for turn in self._turns.values()
            if turn.endpoint_id in touched or turn.is_stopped or not turn.open
        ]
        async with self._store.write() as tx:
            await settle(tx, sent, self._terms, also_lock=[turn.endpoint_id for turn in turns])
            unsent = await give_back(tx, [turn for turn in turns if turn.is_stopped])
            going = [] if self._stopping else turns
            fresh = await refill(tx, going, rules=self._rules, now=self._clock.monotonic())
            ended = [
                turn
                for turn in turns
                if turn.open == len(unsent.get(turn.endpoint_id, ()))
                and turn.endpoint_id not in fresh
            ]
            await release(tx, [turn for turn in ended if not turn.is_lost])
        # Only now: whatever breaks before the commit, the drain still has every answer.
        del self._sent[: len(sent)]
        for turn in turns:
            for _ in unsent.get(turn.endpoint_id, ()):
                turn.waiting.popleft()
            parcels = fresh.get(turn.endpoint_id, ())
            turn.waiting.extend(parcels)
            turn.taken += len(parcels)
            self._pump(turn)
        for turn in ended:
            # The lane is free from the commit on, and may be ours again by now.
            if self._turns.get(turn.endpoint_id) is turn:
                del self._turns[turn.endpoint_id]
        for one in sent:
            log_sent(one)
        if ended:
            self._look.set()

    async def _keep_leases(self) -> None:
        """Heartbeat: hold on to our lanes, and notice those we have lost."""
        lease = self._rules.lease
        while True:
            await asyncio.sleep(lease.total_seconds() / 3)
            if not self._turns:
                continue
            asked = self._clock.monotonic()
            lease_ids = sorted({turn.lease_id for turn in self._turns.values()})
            held = list(self._turns.values())
            try:
                async with self._store.write() as tx:
                    kept = await extend_leases(tx, lease_ids, lease)
            except StorageFailed as error:
                fail(Step.JOB_FAILED, error, job="heartbeat")
                continue
            for turn in held:
                if turn.endpoint_id in kept:
                    turn.lease_ends = asked + lease.total_seconds()
                    self._pump(turn)
                elif self._turns.get(turn.endpoint_id) is turn:
                    turn.is_lost = turn.is_stopped = True
                    self._answered.set()

    async def _listen(self) -> None:
        while True:
            await self._waker.wait(LONGEST_SLEEP_SECONDS)
            self._look.set()

    async def _drain(self, helpers: Sequence[asyncio.Task[Any]]) -> None:
        """Let what is on the wire end, settle it, and free what was not sent."""
        self._stopping = True
        if self._sends:
            await asyncio.wait(self._sends, timeout=self._deadline + 1)
        endless = {turn.endpoint_id for turn in self._turns.values() if turn.in_flight}
        for send in self._sends:
            send.cancel()
        async with self._settling:
            # Nobody is in the middle of settling now, so nothing is torn.
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            turns = list(self._turns.values())
            try:
                async with self._store.write() as tx:
                    ids = [turn.endpoint_id for turn in turns]
                    await settle(tx, self._sent, self._terms, also_lock=ids)
                    await give_back(tx, turns)
                    # What may have arrived is for the end of the lease to judge.
                    await release(tx, [t for t in turns if t.endpoint_id not in endless])
                for one in self._sent:
                    log_sent(one)
            except StorageFailed as error:
                fail(Step.JOB_FAILED, error, job="drain", answers=len(self._sent))
        self._turns.clear()
