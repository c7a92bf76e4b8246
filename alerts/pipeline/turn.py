"""A turn: one lane while a worker holds it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from alerts.domain.deliveries import Answer, Deferred, EndpointState, Keep, Order, Scope
from alerts.domain.retries import RetrySchedule
from alerts.errors import StorageFailed
from alerts.pipeline.claim import ClaimedLane, Parcel, Rules, quota_of, take
from alerts.pipeline.pace import Pace
from alerts.ports import Clock, Destination
from alerts.store.endpoints import Recipient, find_recipients
from alerts.store.engine import Store, Transaction
from alerts.store.health import HeldLane
from alerts.store.lanes import release_lanes, set_next_slot
from alerts.store.outbox import start, unstart
from alerts.store.secrets import live_secrets
from alerts.telemetry import Step, fail

# Sends in flight on one lane.
IN_FLIGHT: Final = 4
# A lane's turn: after so many deliveries, or so long, it goes to the back.
TURN_DELIVERIES: Final = 100
TURN_SECONDS: Final = 5.0
# A lane that was silent for so long hangs: it does not count, and may take what is new.
HANGING_SECONDS: Final = 0.25
# A lane whose next send is further away than this is given back meanwhile.
LONGEST_PACE_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class Turn:
    """One lane while we hold it. began, lease_ends: seconds of the monotonic clock.

    looked: when it last asked for more. read: when its secrets were.
    answered: parcels whose answers are not settled yet.
    is_probing: its endpoint's breaker is open, and one parcel goes until that is answered.
    recipient: its endpoint as it was claimed; a turn whose endpoint was changed since is over.
    is_lost: somebody else has the lane. is_stopped: its endpoint asked for a pause, or has ended.
    """

    endpoint_id: str
    lease_id: str
    recipient: Recipient
    destination: Destination
    order: Order
    rate_limit: float | None
    pace: Pace | None
    pool: str | None
    schedule: RetrySchedule | None
    began: float
    lease_ends: float
    looked: float
    read: float
    waiting: deque[Parcel] = field(default_factory=deque)
    in_flight: int = 0
    answered: int = 0
    taken: int = 0
    is_probing: bool = False
    is_lost: bool = False
    is_timed: bool = False
    is_stopped: bool = False

    @property
    def width(self) -> int:
        """Sends in flight at most."""
        return 1 if self.is_probing or self.order is Order.STRICT else IN_FLIGHT

    @property
    def open(self) -> int:
        """Parcels that are not settled yet."""
        return len(self.waiting) + self.in_flight + self.answered

    def lasts(self, until: float) -> bool:
        """Whether the lane is ours up to then. until: seconds of the monotonic clock."""
        return until <= self.lease_ends

    def is_over(self, now: float) -> bool:
        """Whether nothing more is to be taken. now: seconds of the monotonic clock."""
        return (
            self.is_lost
            or self.is_stopped
            or self.taken >= TURN_DELIVERIES
            or now - self.began >= TURN_SECONDS
        )

    def is_waiting(self, now: float, *, since: float) -> bool:
        """Whether there is room for more, and there was nothing to do for `since` seconds."""
        if not 0 < self.open < self.width or now - self.looked < since:
            return False
        return self.open < self.quota and not self.is_done

    @property
    def quota(self) -> int:
        """Parcels that may be begun and not settled."""
        return quota_of(self.order, self.rate_limit, IN_FLIGHT)

    @property
    def is_done(self) -> bool:
        """Whether it has had its part of a pool's slots: the lane goes behind the others'."""
        return self.pool is not None and self.taken > 0

    def is_idle(self, now: float) -> bool:
        """Whether it keeps its worker from nothing: what was sent hangs, or it waits for a slot."""
        is_silent = not self.in_flight or now - self.looked >= HANGING_SECONDS
        return self.open > 0 and not self.answered and is_silent

    def room(self, now: float) -> int:
        """How many more parcels it may take. now: seconds of the monotonic clock."""
        if self.open >= self.width or self.is_lost or self.is_stopped or self.is_done:
            return 0
        if self.pace is not None and self.open == 0 and self.pace.wait(now) > LONGEST_PACE_SECONDS:
            return 0
        if self.is_waiting(now, since=HANGING_SECONDS):
            # It holds up nobody but itself, and could be at no other place in the row.
            self.began, self.taken = now, 0
        if self.is_over(now):
            return 0
        return min(self.quota - self.open, TURN_DELIVERIES - self.taken)


def turn_of(lane: ClaimedLane, *, began: float, lease: timedelta) -> Turn:
    """The turn of a lane just claimed. began: when the claim was asked for."""
    return Turn(
        endpoint_id=lane.endpoint_id,
        lease_id=lane.lease_id,
        recipient=lane.recipient,
        destination=lane.destination,
        order=lane.order,
        rate_limit=lane.rate_limit,
        pace=None if lane.rate_limit is None else Pace.of(lane.rate_limit, since=began),
        pool=lane.pool,
        schedule=lane.schedule,
        began=began,
        lease_ends=began + lease.total_seconds(),
        looked=began,
        read=began,
        is_probing=lane.is_open,
        waiting=deque(lane.parcels),
        taken=len(lane.parcels),
    )


async def refill(
    tx: Transaction, turns: Sequence[Turn], *, rules: Rules, now: float
) -> dict[str, list[Parcel]]:
    """More work for lanes whose turn goes on, by endpoint. now: of the monotonic clock."""
    await _stop_outdated(tx, turns, now)
    wanted: dict[str, int] = {}
    for turn in turns:
        room = turn.room(now)
        turn.looked = now
        if room > 0:
            wanted[turn.endpoint_id] = room
    if not wanted:
        return {}
    endpoints = await find_recipients(tx, wanted)
    recipients = {turn.endpoint_id: turn.recipient for turn in turns}
    going = {
        key: wanted[key]
        for key, endpoint in endpoints.items()
        # One that was changed goes on in a turn of its own, by what it says now.
        if endpoint.state is EndpointState.ACTIVE and endpoint == recipients[key]
    }
    leases = {turn.endpoint_id: turn.lease_id for turn in turns}
    return await take(tx, leases, going, endpoints=endpoints, rules=rules)


async def _stop_outdated(tx: Transaction, turns: Sequence[Turn], now: float) -> None:
    """Stop turns whose secrets have changed: one of which a send hangs may last, and they may not.

    They are read again as often as they are where nothing hangs, with a new turn.
    """
    outdated = [turn for turn in turns if now - turn.read >= TURN_SECONDS]
    if not outdated:
        return
    signing: dict[str, list[str]] = {}
    for record in await live_secrets(tx, [turn.endpoint_id for turn in outdated]):
        signing.setdefault(record.endpoint_id, []).append(record.id)
    for turn in outdated:
        turn.read = now
        if signing.get(turn.endpoint_id, []) != [each.id for each in turn.destination.secrets]:
            turn.is_stopped = True


def heed(turns: Sequence[Turn], held: Mapping[str, HeldLane]) -> list[Turn]:
    """Mark turns by what their lanes are now; returns those that send nothing more."""
    for turn in turns:
        lane = held.get(turn.endpoint_id)
        if lane is None or lane.lease_id != turn.lease_id:
            lose([turn])
        elif lane.health.opened_at is not None:
            turn.is_stopped = True
        else:
            turn.is_probing = False
    return [turn for turn in turns if turn.is_stopped]


async def give_back(tx: Transaction, turns: Sequence[Turn]) -> dict[str, int]:
    """Free what was begun and is not to be sent now, attempt and all; parcels, by endpoint."""
    giving = [turn for turn in turns if turn.waiting]
    if giving:
        ids = [one for turn in giving for parcel in turn.waiting for one in parcel.ids]
        await unstart(tx, ids, lease_ids={turn.lease_id for turn in giving})
    return {turn.endpoint_id: len(turn.waiting) for turn in giving}


async def release(tx: Transaction, turns: Sequence[Turn], *, asked: float) -> None:
    """Give lanes back, those that are ours still.

    asked: when the transaction was, of the monotonic clock: its own time is that or later, and is
    what a slot is counted from. A later moment would bring the slot forward by what lies between.
    """
    turns = [turn for turn in turns if not turn.is_lost]
    for turn in turns:
        if turn.pace is not None:
            # What was reserved at the claim was a guess; whoever comes next goes by what was sent.
            await set_next_slot(tx, turn.endpoint_id, timedelta(seconds=turn.pace.free_in(asked)))
    strict = {turn.endpoint_id for turn in turns if turn.order is Order.STRICT}
    leases = {turn.endpoint_id: turn.lease_id for turn in turns}
    await release_lanes(tx, leases, strict=strict)


def lose(turns: Iterable[Turn]) -> None:
    """Leave lanes to others: nothing more is sent, taken or given back there."""
    for turn in turns:
        turn.is_lost = turn.is_stopped = True


async def begin(turn: Turn, parcel: Parcel, *, store: Store, clock: Clock, deadline: float) -> bool:
    """Spend an attempt just before sending what must not be sent twice; False: do not send.

    Then the lane or some of the parcel is not ours any more, nothing can be written, or writing
    took so long that less than a deadline (seconds) of lease is left; the turn is stopped, and
    gives back what was begun.
    """
    is_begun = False
    try:
        async with store.write() as tx:
            begun = await start(tx, parcel.ids, lease_id=turn.lease_id)
            is_begun = begun == len(parcel.waiting)
            if begun and not is_begun:
                await unstart(tx, parcel.ids, lease_ids=[turn.lease_id])
    except StorageFailed as error:
        fail(Step.JOB_FAILED, error, job="start")
        is_begun = False
    if is_begun and turn.lasts(clock.monotonic() + deadline):
        return True
    keep_back(turn, parcel)
    return False


def keep_back(turn: Turn, parcel: Parcel) -> None:
    """Do not send what was on its way to the wire: the turn is stopped, and gives it back."""
    turn.in_flight -= 1
    turn.is_stopped = True
    # Behind the others: a settlement under way takes away as many from the front as it gave back.
    turn.waiting.append(parcel)


def stops(answer: Answer) -> bool:
    """Whether nothing more may go to this endpoint now."""
    if not isinstance(answer.effect, Keep):
        return True
    return isinstance(answer.outcome, Deferred) and answer.outcome.scope is Scope.ENDPOINT
