"""Replay: what was sent, or was not, is sent again because somebody asks; and test sends."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.domain.deliveries import Channel, DisableReason, EndpointState, State
from alerts.domain.events import EventType
from alerts.domain.health import Health
from alerts.domain.ids import EVENT, REPLAY
from alerts.domain.notices import test_event
from alerts.domain.ratings import Rating
from alerts.domain.subscriptions import Miss, Subscription, match
from alerts.errors import Conflict, InvalidInput, NotFound
from alerts.pipeline.endpoints import Desk, enable
from alerts.pipeline.tell import tell_endpoint, to_endpoint
from alerts.ports import Call, Waker
from alerts.store.answers import Keep, keep_nothing
from alerts.store.chats import has_paused
from alerts.store.deliveries import DeliveryRecord, find_delivery, find_delivery_of
from alerts.store.endpoints import EndpointRecord, find_endpoint
from alerts.store.engine import Store, Transaction
from alerts.store.events import EventRecord, find_event, last_band_change
from alerts.store.fan_out import lock_lanes
from alerts.store.health import find_hold, read_health
from alerts.store.ratings import ratings_of
from alerts.store.replays import (
    ReplayRecord,
    ReplayState,
    bring_back,
    count_deliveries,
    find_replay,
    hungry_replays,
    idle_delivery,
    insert_replay,
    reopen,
    replayable,
    stop,
)
from alerts.store.subscriptions import subscriptions_for

REPLAY_ONLY: Final = ("failed", "missing")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an endpoint was, or was not, told an event.

    delivery: where there is one. miss: what its subscriptions failed on, where there is none.
    held_until: nothing is sent to the endpoint before, and the delivery waits.
    rating: held of the event's token and kind, where it has them.
    """

    event: EventRecord
    endpoint: EndpointRecord
    delivery: DeliveryRecord | None
    miss: Miss | None
    held_until: datetime | None
    rating: Rating | None


@dataclass(frozen=True, slots=True)
class Resumed:
    """An endpoint back in service. failed, missing: what a replay from `since` on would bring.

    since: when it went out of service, or began to fail if that is why we had closed it.
    """

    endpoint: EndpointRecord
    since: datetime
    failed: int
    missing: int


async def resume(endpoint_id: str, *, app_id: str | None, desk: Desk) -> Resumed:
    """Enable an endpoint, and say what it missed; nothing of that is sent unasked.

    app_id: who asks; None may enable anything. Raises NotFound, or Conflict for an app's endpoint
    of a chat that has paused all it is told.
    """
    async with desk.store.read() as tx:
        before = await find_endpoint(tx, endpoint_id, app_id=app_id)
        is_refused = app_id is not None and await has_paused(tx, endpoint_id)
        health = (await read_health(tx, [endpoint_id])).get(endpoint_id, Health())
    if before is None:
        raise NotFound("endpoint", endpoint_id)
    if is_refused and before.channel is Channel.TELEGRAM:
        raise Conflict("this chat has paused what it is told, and says itself when that goes on")
    since = before.state_since
    if before.disabled_reason is DisableReason.FAILING and health.failing_since is not None:
        since = health.failing_since
    endpoint = await enable(endpoint_id, app_id=app_id, desk=desk)
    async with desk.store.read() as tx:
        failed, missing = [
            await count_deliveries(tx, endpoint_id, replayable(only=only, since=since, until=None))
            for only in REPLAY_ONLY
        ]
    return Resumed(endpoint, since, failed, missing)


async def resend(
    delivery_id: str,
    *,
    app_id: str | None,
    store: Store,
    waker: Waker,
    keep: Keep[DeliveryRecord] = keep_nothing,
) -> DeliveryRecord:
    """Send one delivery again, under the same webhook id, or now instead of at its next try.

    Raises NotFound, or Conflict if it is on its way, was expunged, or its endpoint takes nothing.
    """
    async with store.write() as tx:
        delivery = await find_delivery(tx, delivery_id, app_id=app_id)
        if delivery is None:
            raise NotFound("delivery", delivery_id)
        if delivery.expunged_at is not None:
            raise Conflict("this delivery was expunged, and is not sent again")
        endpoint = await _active(tx, delivery.endpoint_id, app_id)
        if not await reopen(tx, endpoint, idle_delivery(delivery_id, await tx.now())):
            raise Conflict("this delivery is on its way already")
        again = await find_delivery(tx, delivery_id, app_id=app_id) or delivery
        await keep(tx, again)
    await waker.wake(Call.LANES)
    return again


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which ended deliveries to send again: those that ended from `since` up to `until`.

    only: `failed` (dead, unknown), `missing` (skipped), None for both. until: None is now.
    """

    since: datetime
    until: datetime | None = None
    only: str | None = None

    def check(self) -> None:
        """Raises InvalidInput where it makes no sense."""
        if self.only is not None and self.only not in REPLAY_ONLY:
            raise InvalidInput("only", 'must be "failed" or "missing", or left out for both')
        if self.until is not None and self.until <= self.since:
            raise InvalidInput("until", "must be later than since")


async def count_replayable(
    endpoint_id: str, wanted: Wanted, *, app_id: str | None, store: Store
) -> int:
    """How many deliveries a replay would send again. Raises NotFound, InvalidInput."""
    wanted.check()
    condition = replayable(only=wanted.only, since=wanted.since, until=wanted.until)
    async with store.read() as tx:
        if await find_endpoint(tx, endpoint_id, app_id=app_id) is None:
            raise NotFound("endpoint", endpoint_id)
        return await count_deliveries(tx, endpoint_id, condition)


async def replay(
    endpoint_id: str,
    wanted: Wanted,
    *,
    app_id: str | None,
    store: Store,
    waker: Waker,
    keep: Keep[ReplayRecord] = keep_nothing,
) -> ReplayRecord:
    """Send again what an endpoint missed or failed to take; a first part returns to it at once.

    The rest follows as fast as it takes them (`work_off`), behind what is new.
    Raises NotFound, InvalidInput, Conflict.
    """
    wanted.check()
    async with store.write() as tx:
        endpoint = await _active(tx, endpoint_id, app_id)
        await lock_lanes(tx, [endpoint_id])
        now = await tx.now()
        # Without an end it takes in what has just ended, and nothing that ends again later.
        until = wanted.until or now + timedelta(microseconds=1)
        condition = replayable(only=wanted.only, since=wanted.since, until=until)
        record = ReplayRecord(
            id=await tx.new_id(REPLAY),
            endpoint_id=endpoint_id,
            only=wanted.only,
            since=wanted.since,
            until=until,
            total=await count_deliveries(tx, endpoint_id, condition),
            brought=0,
            state=ReplayState.RUNNING,
            created_at=now,
            ended_at=None,
        )
        await insert_replay(tx, record)
        record = await bring_back(tx, record, endpoint)
        await keep(tx, record)
    await waker.wake(Call.LANES)
    return record


async def work_off(*, store: Store, waker: Waker) -> int:
    """Bring back the next part of each replay of which little waits; how many deliveries."""
    async with store.read() as tx:
        hungry = await hungry_replays(tx)
    brought = 0
    for record in hungry:
        async with store.write() as tx:
            brought += await _go_on(tx, record)
    if brought:
        await waker.wake(Call.LANES)
    return brought


async def _go_on(tx: Transaction, seen: ReplayRecord) -> int:
    """One part of a replay, unless another process was there since it was seen."""
    await lock_lanes(tx, [seen.endpoint_id])
    record = await find_replay(tx, seen.id)
    endpoint = await find_endpoint(tx, seen.endpoint_id, app_id=None)
    if record != seen or endpoint is None:
        return 0
    if endpoint.state is not EndpointState.ACTIVE:
        await stop(tx, record)
        return 0
    return (await bring_back(tx, record, endpoint)).brought - record.brought


async def send_test(
    endpoint_id: str,
    *,
    app_id: str | None,
    store: Store,
    waker: Waker,
    keep: Keep[DeliveryRecord] = keep_nothing,
) -> DeliveryRecord:
    """Send an `endpoint.test` that carries the data of a real past change, where there is one.

    Raises NotFound, or Conflict if the endpoint takes nothing.
    """
    async with store.write() as tx:
        endpoint = await _active(tx, endpoint_id, app_id)
        past = await last_band_change(tx)
        example = None if past is None else json.loads(past.body)["data"]
        identity = await tx.new_id(EVENT)
        audience = to_endpoint(endpoint.id)
        draft = test_event(identity, at=await tx.now(), audience=audience, example=example)
        await tell_endpoint(tx, draft)
        delivery = await find_delivery_of(tx, identity, endpoint.id)
        if delivery is None:
            raise NotFound("delivery", identity)
        await keep(tx, delivery)
    await waker.wake(Call.LANES)
    return delivery


async def explain(
    endpoint_id: str, event_id: str, *, app_id: str | None, store: Store
) -> Explanation:
    """Why (not): the delivery there is, or what the subscriptions of today fail on.

    Raises NotFound for an endpoint or event that is not there, or not the app's to see.
    """
    async with store.read() as tx:
        endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id)
        if endpoint is None:
            raise NotFound("endpoint", endpoint_id)
        event = await find_event(tx, event_id, app_id=endpoint.app_id)
        if event is None:
            raise NotFound("event", event_id)
        delivery = await find_delivery_of(tx, event_id, endpoint_id)
        miss, until = None, None
        if delivery is None:
            found = await subscriptions_for(tx, [endpoint_id], [event.facts.token])
            miss = _miss(event, found.get(endpoint_id, []))
        elif delivery.state is State.PENDING:
            until = await find_hold(tx, endpoint_id)
        rating = await _rating(tx, event)
    return Explanation(event, endpoint, delivery, miss, until, rating)


async def _rating(tx: Transaction, event: EventRecord) -> Rating | None:
    if event.token is None or event.kind is None:
        return None
    return (await ratings_of(tx, [event.token])).get(event.token, {}).get(event.kind)


def _miss(event: EventRecord, subscriptions: list[Subscription]) -> Miss | None:
    if event.type is EventType.ENDPOINT_TEST:
        return Miss.TYPE
    return match(event.facts, subscriptions)


async def _active(tx: Transaction, endpoint_id: str, app_id: str | None) -> EndpointRecord:
    endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id)
    if endpoint is None:
        raise NotFound("endpoint", endpoint_id)
    if endpoint.state is not EndpointState.ACTIVE:
        raise Conflict(f"this endpoint is {endpoint.state}; enable it first")
    return endpoint
