"""Fan-out in chunks: each event once, in order, whatever is cut off."""

import asyncio

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.event import listen, remove

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.pipeline.release import release
from alerts.store.cycles import CycleState, find_cycle
from alerts.store.fan_out import fan_out_chunk
from alerts.store.tables import cycles
from tests.pipeline.conftest import (
    OpenServices,
    day,
    fan_out,
    feed,
    log_of,
    push,
    subscribe,
    token,
)
from tests.pipeline.owed import pairs, upgrade
from tests.receiver import Receiver


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


async def test_small_cycles_that_wait_together_take_few_turns_of_the_one_writer(
    services: Services, receiver: Receiver
) -> None:
    """On PostgreSQL, where writers do not wait for each other, each cycle has its own."""
    await subscribe(services, receiver.url())
    names = [f"n{number}" for number in range(20)]
    await push(services, day(0), dict.fromkeys(names, 50.0))
    await fan_out(services)
    for name in names:
        await push(services, day(1), {name: 95.0}, complete=False)
    engine = services.store.engine.sync_engine
    before = len(await log_of(services))
    commits = 0

    def count(_connection: Connection) -> None:
        nonlocal commits
        commits += 1

    listen(engine, "commit", count)
    try:
        written = await fan_out(services)
    finally:
        remove(engine, "commit", count)

    assert written == 20
    assert len(await log_of(services)) == before + 20
    is_postgresql = engine.dialect.name == "postgresql"
    # One that reads what waits, and those that write.
    assert commits == 1 + (20 if is_postgresql else 2)
