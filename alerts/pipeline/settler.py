"""The settler: writes answers down, takes more work for their lanes, gives back what is over.

While it commits, the answers that arrive gather for the next transaction. So a burst costs few
of them, and a single delivery waits for nobody. A database that several can write to at once gets
two, about different lanes: while it works on one, the other is made.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Final

from alerts.errors import StorageFailed
from alerts.pipeline.claim import Parcel, Rules
from alerts.pipeline.settle import Sent, Terms, log_sent, settle
from alerts.pipeline.turn import Turn, give_back, heed, refill, release
from alerts.pipeline.wire import Wire
from alerts.ports import Clock
from alerts.store.engine import Store
from alerts.telemetry import Step, fail

# A lane with room for more looks whether there is any this often.
THIRST_SECONDS: Final = 0.05
# How long a worker lets the database be when it does not answer.
STORAGE_PAUSE_SECONDS: Final = 0.5
# Transactions under way at once where the database takes several, and answers in each: a quarter
# of what can be on its way, so that there is always something to send meanwhile. A second one is
# begun for so many at least, for small ones cost more than they save.
SEVERAL: Final = 2
ANSWERS_OF_SEVERAL: Final = 256
ANSWERS_OF_A_SECOND: Final = 128


class Settler:
    """Settles for one worker. turns: its lanes, by endpoint; those that end are taken out.

    ended: called when lanes were given back.
    """

    def __init__(
        self,
        *,
        store: Store,
        wire: Wire,
        turns: MutableMapping[str, Turn],
        clock: Clock,
        rules: Rules,
        terms: Terms,
        ended: Callable[[], None],
    ) -> None:
        self._store = store
        self._wire = wire
        self._turns = turns
        self._clock = clock
        self._rules = rules
        self._terms = terms
        self._ended = ended
        self.at_once: Final = 1 if store.has_one_writer else SEVERAL
        self._free = asyncio.Semaphore(self.at_once)
        self._looking = asyncio.Lock()
        self._busy: set[str] = set()
        self._missed = False
        self._stopping = False

    async def run(self) -> None:
        """Settle what is answered, for ever; to be run `at_once` times.

        Raises what breaks it, but for StorageFailed.
        """
        while True:
            # One of us looks at a time, so that what is answered wakes one, not all.
            async with self._looking:
                await self._wire.answered.wait()
                await self._free.acquire()
                sent, turns = self._next()
            try:
                is_settled = await self._settle_these(sent, turns)
            finally:
                self._free.release()
            if not is_settled:
                await asyncio.sleep(STORAGE_PAUSE_SECONDS)

    def take_no_more(self) -> None:
        """From now on nothing new is taken for lanes that are settled."""
        self._stopping = True

    async def stop(self) -> None:
        """Return when nobody is in the middle of settling; nobody begins any more."""
        for _ in range(self.at_once):
            await self._free.acquire()

    async def settle_last(self) -> None:
        """Settle all that is left after `stop`, and free the lanes."""
        endless = {turn.endpoint_id for turn in self._turns.values() if turn.in_flight}
        turns = list(self._turns.values())
        asked = self._clock.monotonic()
        async with self._store.write() as tx:
            ids = [turn.endpoint_id for turn in turns]
            await settle(tx, self._wire.sent, self._terms, also_lock=ids)
            await give_back(tx, turns)
            # What may have arrived is for the end of the lease to judge.
            freed = [turn for turn in turns if turn.endpoint_id not in endless]
            await release(tx, freed, asked=asked)
        for one in self._wire.sent:
            log_sent(one)

    def _next(self) -> tuple[list[Sent], list[Turn]]:
        """What to settle now: the oldest answers, and turns, of lanes that nobody settles yet."""
        self._wire.answered.clear()
        # The call may have been about a lane that is being settled: it is repeated afterwards.
        self._missed = self._missed or bool(self._busy)
        sent = [one for one in self._wire.sent if one.endpoint_id not in self._busy]
        if self._busy and len(sent) < ANSWERS_OF_A_SECOND:
            return [], []
        if self.at_once > 1 and len(sent) > ANSWERS_OF_SEVERAL:
            del sent[ANSWERS_OF_SEVERAL:]
            self._wire.answered.set()
        return sent, self._to_settle(sent)

    async def _settle_these(self, sent: Sequence[Sent], turns: Sequence[Turn]) -> bool:
        """False if the database failed; then everything is as it was before."""
        if not sent and not turns:
            return True
        busy = {one.endpoint_id for one in sent} | {turn.endpoint_id for turn in turns}
        self._busy |= busy
        self._count(sent, -1)
        try:
            await self._settle(sent, turns)
        except StorageFailed as error:
            fail(Step.JOB_FAILED, error, job="settle", answers=len(sent))
            self._count(sent, 1)
            self._wire.answered.set()
            return False
        finally:
            self._busy -= busy
            if self._missed:
                self._missed = False
                self._wire.answered.set()
        return True

    async def _settle(self, sent: Sequence[Sent], turns: Sequence[Turn]) -> None:
        asked = self._clock.monotonic()
        # Without answers it is no more than a claim.
        async with self._store.write(waits_for_disk=bool(sent)) as tx:
            ids = [turn.endpoint_id for turn in turns]
            held = await settle(tx, sent, self._terms, also_lock=ids)
            unsent = await give_back(tx, heed(turns, held))
            going = [] if self._stopping else turns
            fresh = await refill(tx, going, rules=self._rules, now=self._clock.monotonic())
            ended = [
                turn
                for turn in turns
                if turn.open == unsent.get(turn.endpoint_id, 0) and turn.endpoint_id not in fresh
            ]
            await release(tx, ended, asked=asked)
        # Only now: whatever breaks before the commit, the drain still has every answer.
        self._wire.forget(sent)
        self._go_on(turns, unsent=unsent, fresh=fresh)
        for turn in ended:
            # The lane is free from the commit on, and may be ours again by now.
            if self._turns.get(turn.endpoint_id) is turn:
                del self._turns[turn.endpoint_id]
        for one in sent:
            log_sent(one)
        if ended:
            self._ended()

    def _go_on(
        self,
        turns: Sequence[Turn],
        *,
        unsent: Mapping[str, int],
        fresh: Mapping[str, Sequence[Parcel]],
    ) -> None:
        for turn in turns:
            for _ in range(unsent.get(turn.endpoint_id, 0)):
                turn.waiting.popleft()
            parcels = fresh.get(turn.endpoint_id, ())
            turn.waiting.extend(parcels)
            turn.taken += len(parcels)
            self._wire.pump(turn)

    def _to_settle(self, sent: Sequence[Sent]) -> list[Turn]:
        """Turns with answers, with nothing left to do, something to give back, or thirst."""
        now = self._clock.monotonic()
        touched = {one.endpoint_id for one in sent}
        return [
            turn
            for turn in self._turns.values()
            if turn.endpoint_id not in self._busy
            and (
                turn.endpoint_id in touched
                or not turn.open
                or (turn.is_stopped and turn.waiting)
                or (not self._stopping and turn.is_waiting(now, since=THIRST_SECONDS))
            )
        ]

    def _count(self, sent: Sequence[Sent], step: int) -> None:
        for one in sent:
            turn = self._turns.get(one.endpoint_id)
            if turn is not None and turn.lease_id == one.lease_id:
                turn.answered += step
