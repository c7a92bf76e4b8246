"""Fan-out: each event once to each endpoint that wants it, whatever is cut off."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState, SkipReason, State
from alerts.domain.events import EventType
from alerts.domain.subscriptions import Filter
from alerts.pipeline.diff import release
from alerts.pipeline.endpoints import change_endpoint, enable, pause, remove
from alerts.store.cycles import CycleState, find_cycle
from alerts.store.endpoints import EndpointRecord
from alerts.store.fan_out import fan_out_chunk
from alerts.store.lanes import lease_lanes
from alerts.store.tables import cycles, endpoints
from tests.pipeline.conftest import (
    OpenServices,
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
from tests.receiver import Receiver


async def upgrade(services: Services, *names: str, since: int = 0) -> str:
    """An upgrade of each token, diffed and not fanned out; the cycle's id."""
    await push(services, day(since), dict.fromkeys(names, 50.0))
    return (await push(services, day(since + 1), dict.fromkeys(names, 95.0))).id


async def change_filter(services: Services, endpoint: EndpointRecord, wanted: Filter) -> None:
    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, filter=wanted)

    await change_endpoint(endpoint.id, change, app_id=None, desk=services.desk)


async def pairs(services: Services) -> list[tuple[int, str]]:
    return [(delivery.sequence, delivery.endpoint_id) for delivery in await log_of(services)]


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


async def test_fanning_out_again_writes_nothing(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    cycle = await upgrade(services, "a")
    await fan_out(services)
    async with services.store.write() as tx:
        again = update(cycles).where(cycles.c.id == cycle)
        await tx.connection.execute(again.values(state=CycleState.DIFFED, fan_out_after=None))

    await fan_out(services)

    assert len(await log_of(services)) == 1


async def test_a_chunk_is_a_transaction_and_a_restart_goes_on_at_the_next(
    services: Services, receiver: Receiver
) -> None:
    made = [await subscribe(services, receiver.url(f"/{number}")) for number in range(5)]
    cycle = await upgrade(services, "a", "b")
    async with services.store.write() as tx:
        record = await find_cycle(tx, cycle)
        assert record is not None
        chunk = await fan_out_chunk(tx, record, size=2)
    assert chunk is not None
    assert (chunk.endpoints, chunk.deliveries, chunk.is_last) == (2, 4, False)
    half = {endpoint for _, endpoint in await pairs(services)}
    assert half == {one.endpoint.id for one in made[:2]}

    written = await fan_out(services, chunk_size=2)

    assert written == 6
    assert len(set(await pairs(services))) == 10
    async with services.store.read() as tx:
        record = await find_cycle(tx, cycle)
    assert record is not None
    assert record.state is CycleState.DONE


async def test_a_chunk_that_is_rolled_back_is_written_by_the_next_worker(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    cycle = await upgrade(services, "a")

    class Killed(Exception):
        """The worker was lost before its commit."""

    async def cut_off() -> None:
        async with services.store.write() as tx:
            record = await find_cycle(tx, cycle)
            assert record is not None
            await fan_out_chunk(tx, record)
            raise Killed

    with pytest.raises(Killed):
        await cut_off()
    assert await log_of(services) == []

    assert await fan_out(services) == 1


async def test_a_checkpoint_that_has_moved_on_is_left_to_the_other_worker(
    services: Services, receiver: Receiver
) -> None:
    for number in range(3):
        await subscribe(services, receiver.url(f"/{number}"))
    cycle = await upgrade(services, "a")
    async with services.store.read() as tx:
        stale = await find_cycle(tx, cycle)
    assert stale is not None
    async with services.store.write() as tx:
        await fan_out_chunk(tx, stale, size=1)

    async with services.store.write() as tx:
        chunk = await fan_out_chunk(tx, stale, size=1)

    assert chunk is None
    assert len(await log_of(services)) == 1


async def test_two_workers_at_once_write_each_delivery_once(
    open_with: OpenServices, receiver: Receiver
) -> None:
    pair = [await open_with(), await open_with()]
    for number in range(7):
        await subscribe(pair[0], receiver.url(f"/{number}"))
    for start in range(0, 6, 2):
        await upgrade(pair[0], "a", "b", since=start)

    await asyncio.gather(*(fan_out(services, chunk_size=2) for services in pair))
    await fan_out(pair[0])

    owed = await pairs(pair[0])
    ups = [event.sequence for event in await feed(pair[0]) if event.type is EventType.UPGRADED]
    assert len(owed) == len(set(owed))
    assert len(owed) == 7 * len(await feed(pair[0]))
    assert len(ups) == 6


async def test_cycles_are_fanned_out_in_the_order_of_their_events(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    names = dict.fromkeys("abcde", 50.0)
    await push(services, day(0), names)
    held = await push(services, day(2), {"a": 5})
    await push(services, day(1), {**names, "a": 95})
    await release(held.id, store=services.store, ladder=services.ladder)
    first, last = (event for event in await feed(services) if event.token == token("a"))
    async with services.store.read() as tx:
        record = await find_cycle(tx, held.id)
    assert record is not None
    assert last.cycle_id == held.id

    async with services.store.write() as tx:
        chunk = await fan_out_chunk(tx, record)

    assert chunk is None, "an older event of the same token is not owed to anybody yet"
    await fan_out(services)
    owed = [one.sequence for one in await log_of(services, made.endpoint.id) if one.token]
    assert owed == [first.sequence, last.sequence]


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

    assert await pairs(services) == [(1, made.endpoint.id)]


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


async def test_a_resumed_endpoint_starts_at_the_present_event(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade(services, "a")

    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await fan_out(services)

    assert await log_of(services) == []


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
