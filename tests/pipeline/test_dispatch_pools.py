"""Pools: lanes that share a limit are sent by one worker, at the pace of all of them together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise

from sqlalchemy import select, update

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Delivered, State
from alerts.pipeline.claim import claim
from alerts.pipeline.pace import Pace
from alerts.pipeline.pools import Pool
from alerts.pipeline.turn import turn_of
from alerts.pipeline.wire import Wire
from alerts.ports import Destination, Letter
from alerts.store.pools import hold_pools
from alerts.store.tables import attempts, lanes
from alerts.store.tables import pools as pools_table
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    lane_of,
    log_of,
    pass_time,
    subscribe,
    until,
    upgrade_tokens,
)
from tests.pipeline.lost import LEASE_OVER, LeapingClock
from tests.receiver import Receiver

RATE = 60.0
LANES = 6
NAMES = [f"t{number}" for number in range(4)]


def serving(services: Services, worker: str) -> Services:
    """The same services as a worker that may send what is in the pool."""
    rules = replace(services.rules, pools={"bot": RATE}, worker=worker)
    return replace(services, rules=rules, terms=replace(services.terms, worker=worker))


async def pooled(services: Services, receiver: Receiver) -> list[str]:
    """Endpoints whose lanes are in the pool, each with something to be told."""
    made = [await subscribe(services, receiver.url(f"/{n}")) for n in range(LANES)]
    async with services.store.write() as tx:
        await tx.connection.execute(update(lanes).values(pool="bot"))
    await upgrade_tokens(services, NAMES)
    return [each.endpoint.id for each in made]


async def sent(services: Services) -> Sequence[tuple[str, object]]:
    """(worker, start) of all attempts, in order."""
    query = select(attempts.c.worker, attempts.c.started_at).order_by(attempts.c.started_at)
    async with services.store.read() as tx:
        return [(row[0], row[1]) for row in await tx.connection.execute(query)]


async def test_one_of_two_workers_sends_a_pool_and_keeps_its_pace(
    open_with: OpenServices, receiver: Receiver
) -> None:
    first, second = serving(await open_with(), "one"), serving(await open_with(), "two")
    await pooled(first, receiver)
    stop = asyncio.Event()

    running = [asyncio.create_task(each.dispatcher().run(stop)) for each in (first, second)]

    async def all_are_told() -> bool:
        log = await log_of(first)
        return len(log) == LANES * len(NAMES) and {one.state for one in log} == {State.DELIVERED}

    await until(all_are_told)
    stop.set()
    await asyncio.gather(*running)

    attempted = await sent(first)
    assert len({worker for worker, _ in attempted}) == 1
    gaps = [later[1] - earlier[1] for earlier, later in pairwise(attempted)]  # type: ignore[operator]
    assert min(gaps) >= timedelta(seconds=1 / RATE)


async def test_lanes_of_a_pool_take_turns(open_with: OpenServices, receiver: Receiver) -> None:
    services = serving(await open_with(), "one")
    await pooled(services, receiver)

    await dispatch(services)

    paths = [request.path for request in receiver.requests]
    assert len(paths) == LANES * len(NAMES)
    # The first one finds nobody in line; from then on nobody goes twice before all the others.
    assert len(set(paths[1 : 1 + LANES])) == LANES


class Told:
    """A channel that takes everything, and remembers whose it was."""

    repeatable = True

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del parcel
        self.sent.append(destination.endpoint_id)
        return Answer(Delivered())


async def test_a_lane_that_is_looked_at_as_a_slot_comes_goes_behind_those_in_line(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services, clock, sender = serving(await open_with(), "one"), LeapingClock(), Told()
    await pooled(services, receiver)
    async with services.store.write() as tx:
        claimed = await claim(tx, services.rules, limit=2, pools=["bot"])
    now = clock.monotonic()
    turns = [turn_of(lane, began=now, lease=services.rules.lease) for lane in claimed]
    first, second = (turn.endpoint_id for turn in turns)
    wire = Wire(
        store=services.store,
        senders={Channel.WEBHOOK: sender},
        clock=clock,
        deadline=1.0,
        pools={"bot": Pool(Pace.of(5.0, since=now), now + 100)},
        new_id=lambda prefix: prefix,
    )

    async def sent_are(count: int) -> bool:
        return len(sender.sent) == count

    # The first goes and is in line again; then comes the second.
    wire.pump(turns[0])
    await until(partial(sent_are, 1))
    wire.pump(turns[1])
    # Its slot is there, and nobody was called yet.
    clock.leapt += 0.21
    wire.pump(turns[1])
    await until(partial(sent_are, 2))
    await wire.close()

    assert sender.sent == [first, first]
    assert second != first


async def test_a_pool_that_is_somebody_elses_is_left_alone_until_its_lease_is_over(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = serving(await open_with(), "one")
    (endpoint, *_) = await pooled(services, receiver)
    async with services.store.write() as tx:
        held = await hold_pools(tx, ["bot"], "lse_other", lease=timedelta(seconds=45))
    assert held == {"bot": timedelta(0)}

    await dispatch(services)

    assert receiver.requests == []
    assert (await lane_of(services, endpoint)).lease_id is None
    await pass_time(services, LEASE_OVER)
    await dispatch(services)
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_a_worker_that_stops_gives_its_pools_back_with_the_next_slot(
    open_with: OpenServices, receiver: Receiver
) -> None:
    first = serving(await open_with(), "one")
    await pooled(first, receiver)
    await dispatch(first)

    async with first.store.write() as tx:
        held = await hold_pools(tx, ["bot"], "lse_other", lease=timedelta(seconds=45))

    assert set(held) == {"bot"}
    assert held["bot"] <= timedelta(seconds=1 / RATE + 0.001)


async def test_a_pool_that_is_lost_is_not_sent_any_more(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(send_deadline_seconds=1, lease_seconds=3)
    services = serving(services, "one")
    services = replace(services, rules=replace(services.rules, pools={"bot": 0.5}))
    await pooled(services, receiver)
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await receiver.wait_for(1)
    async with services.store.write() as tx:
        now = await tx.now()
        stolen = {"lease_id": "lse_other", "lease_until": now + timedelta(hours=1)}
        await tx.connection.execute(update(pools_table).values(stolen))

    async def all_lanes_are_given_back() -> bool:
        async with services.store.read() as tx:
            query = select(lanes.c.endpoint_id).where(lanes.c.lease_id.is_not(None))
            return (await tx.connection.execute(query)).first() is None

    await until(all_lanes_are_given_back)
    count = len(receiver.requests)
    stop.set()
    await running

    assert len(receiver.requests) == count
    log = await log_of(services)
    assert sum(one.state is State.PENDING for one in log) == len(log) - count
