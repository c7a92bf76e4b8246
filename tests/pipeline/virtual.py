"""A live service under a clock of ours: lanes are claimed when they are due, and all arrives."""

from collections import Counter
from datetime import datetime

from alerts.bootstrap import Services
from alerts.domain.channels import POOL_RATES
from alerts.domain.deliveries import Answer, Delivered, Order, State
from alerts.domain.ids import ATTEMPT, SEND
from alerts.pipeline.claim import ClaimedLane, Parcel, claim
from alerts.pipeline.rehearsal import Part, Telling
from alerts.pipeline.settle import Sent, settle
from alerts.store.lanes import next_due, release_lanes
from alerts.store.outbox import start
from tests.databases import turn_clock
from tests.pipeline.conftest import TurnedClock, fan_out, log_of

POOLS = list(POOL_RATES)


class Live:
    """A service, and all that it told each endpoint, in order, with when."""

    def __init__(self, services: Services, clock: TurnedClock) -> None:
        self.told: dict[str, list[Telling]] = {}
        self._services = services
        self._clock = clock

    async def turn_to(self, at: datetime) -> None:
        """It is then, once all has gone that was due before."""
        while True:
            async with self._services.store.read() as tx:
                due = await next_due(tx, POOLS)
            if due is None or due.at >= at:
                break
            await self._set(due.at)
            await self._dispatch()
        await self._set(at)

    async def tell(self) -> None:
        """What was pushed is fanned out, and told as far as that may be now."""
        await fan_out(self._services)
        await self._dispatch()

    async def ended(self, endpoint_id: str) -> Counter[str]:
        """How many deliveries were never sent, by the reason."""
        log = await log_of(self._services, endpoint_id)
        return Counter(one.reason for one in log if one.state is State.SKIPPED and one.reason)

    async def _set(self, at: datetime) -> None:
        self._clock.at = at
        await turn_clock(self._services.store, at)

    async def _dispatch(self) -> None:
        """What a worker does with all lanes that are due now, where all that is sent arrives."""
        while True:
            async with self._services.store.write() as tx:
                lanes = await claim(tx, self._services.rules, limit=100, pools=POOLS)
                for lane in lanes:
                    for parcel in lane.parcels:
                        await start(tx, parcel.ids, lease_id=lane.lease_id)
            if not lanes:
                return
            sent = [self._sent(lane, parcel) for lane in lanes for parcel in lane.parcels]
            async with self._services.store.write() as tx:
                ids = [lane.endpoint_id for lane in lanes]
                await settle(tx, sent, self._services.terms, also_lock=ids)
                strict = {lane.endpoint_id for lane in lanes if lane.order is Order.STRICT}
                leases = {lane.endpoint_id: lane.lease_id for lane in lanes}
                await release_lanes(tx, leases, strict=strict)

    def _sent(self, lane: ClaimedLane, parcel: Parcel) -> Sent:
        parts = [Part(one.event_id, one.rule, one.deferred_reason) for one in parcel.letters]
        now = self._clock.now()
        self.told.setdefault(lane.endpoint_id, []).append(Telling(now, tuple(parts)))
        return Sent(
            endpoint_id=lane.endpoint_id,
            lease_id=lane.lease_id,
            send_id=SEND + parcel.ids[0][4:],
            attempt_ids=tuple(ATTEMPT + one[4:] for one in parcel.ids),
            schedule=None,
            parcel=parcel,
            answer=Answer(Delivered()),
            started_at=now,
            ended_at=now,
        )
