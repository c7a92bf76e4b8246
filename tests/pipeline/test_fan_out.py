"""Fan-out: each event to each endpoint that wants it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState, SkipReason, State
from alerts.domain.events import EventType
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import change_endpoint, remove
from alerts.store.endpoints import EndpointRecord
from alerts.store.lanes import lease_lanes
from alerts.store.tables import endpoints
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    feed,
    lane_of,
    log_of,
    pass_time,
    push,
    subscribe,
    token,
)
from tests.pipeline.owed import pairs, upgrade
from tests.receiver import Receiver


async def change_filter(services: Services, endpoint: EndpointRecord, wanted: Filter) -> None:
    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, filter=wanted)

    await change_endpoint(endpoint.id, change, app_id=None, desk=services.desk)


async def test_an_endpoint_is_owed_what_it_subscribes_to(
    services: Services, receiver: Receiver
) -> None:
    everything = await subscribe(services, receiver.url("/all"))
    one = await subscribe(services, receiver.url("/one"), tokens=["demo:a"])
    await subscribe(services, receiver.url("/far"), wanted=Filter(min_notches=4))
    await upgrade(services, "a", "b")

    written = await fan_out(services)

    assert written == 3
    assert await pairs(services) == [
        (1, everything.endpoint.id),
        (1, one.endpoint.id),
        (2, everything.endpoint.id),
    ]


async def test_subscribing_by_token_and_to_all_is_still_one_delivery(
    services: Services, receiver: Receiver
) -> None:
    await push(services, day(0), {"a": 50})
    wanted = Filter(types=frozenset({EventType.UPGRADED}))
    made = await subscribe(services, receiver.url(), wanted=wanted, tokens=["A", "demo:a"])
    await push(services, day(1), {"a": 95})

    await fan_out(services)

    assert await pairs(services) == [(1, made.endpoint.id)]


async def test_a_new_endpoint_is_owed_nothing_that_was(
    services: Services, receiver: Receiver
) -> None:
    await upgrade(services, "a")
    await subscribe(services, receiver.url())

    assert await fan_out(services) == 0


async def test_what_a_widened_filter_newly_asks_for_starts_now(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url(), tokens=["demo:a"])
    await upgrade(services, "a", "b")
    wider = Filter(tokens=(token("a"), token("b")))

    await change_filter(services, made.endpoint, wider)
    await fan_out(services)
    await upgrade(services, "a", "b", since=2)
    await fan_out(services)

    events = {event.sequence: event.token for event in await feed(services)}
    owed = [events[sequence] for sequence, _ in await pairs(services)]
    assert owed.count(token("b")) == owed.count(token("a")) - 1


async def test_a_narrowed_filter_keeps_what_it_still_asks_for(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade(services, "a", "b")

    await change_filter(services, made.endpoint, Filter(tokens=(token("a"),)))
    await fan_out(services)
    await dispatch(services)

    kept, dropped = await log_of(services)
    assert (kept.token, kept.state) == (token("a"), State.DELIVERED)
    assert (dropped.state, dropped.reason) == (State.SKIPPED, SkipReason.UNSUBSCRIBED)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (EndpointState.PAUSED, SkipReason.PAUSED),
        (EndpointState.DISABLED, SkipReason.DISABLED),
    ],
)
async def test_who_takes_nothing_now_gets_a_skipped_row(
    services: Services, receiver: Receiver, state: EndpointState, reason: SkipReason
) -> None:
    made = await subscribe(services, receiver.url())
    async with services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(state=state))
    await upgrade(services, "a")

    await fan_out(services)
    await dispatch(services)

    (delivery,) = await log_of(services, made.endpoint.id)
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.SKIPPED, reason, 0)
    assert delivery.ended_at is not None
    assert (await lane_of(services, made.endpoint.id)).due_at is None
    assert receiver.requests == []


async def test_a_deleted_endpoint_is_owed_nothing(services: Services, receiver: Receiver) -> None:
    kept = await subscribe(services, receiver.url("/kept"))
    gone = await subscribe(services, receiver.url("/gone"))
    await upgrade(services, "a")

    await remove(gone.endpoint.id, app_id=None, desk=services.desk)
    await fan_out(services)

    assert await pairs(services) == [(1, kept.endpoint.id)]


async def test_a_lane_is_due_at_once_even_while_somebody_holds_it(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade(services, "a")
    await fan_out(services)
    async with services.store.write() as tx:
        leased = await lease_lanes(tx, "lse_other", limit=1, lease=timedelta(seconds=60))
        assert [lane.endpoint_id for lane in leased] == [made.endpoint.id]
    await pass_time(services, -timedelta(seconds=30))
    before = await lane_of(services, made.endpoint.id)

    await upgrade(services, "b", since=2)
    await fan_out(services)

    after = await lane_of(services, made.endpoint.id)
    assert after.due_at < before.due_at
    assert after.lease_id == "lse_other"
