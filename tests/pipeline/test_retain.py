"""What is older than it is kept goes, in batches; what is still needed stays."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Table, func, select, text

from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import State
from alerts.domain.grades import Kind
from alerts.store.events import current_sequence, dropped_through
from alerts.store.ratings import list_history
from alerts.store.replays import idle_delivery, reopen
from alerts.store.retention import drop_deliveries, drop_events, drop_grades
from alerts.store.tables import attempts
from tests.pipeline.conftest import (
    day,
    dispatch,
    feed,
    log_of,
    push,
    settings_for,
    subscribe,
    token,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

HOUR = timedelta(hours=1)


async def count(services: Services, table: Table) -> int:
    async with services.store.read() as tx:
        return (await tx.connection.execute(select(func.count()).select_from(table))).scalar_one()


async def soon(services: Services) -> datetime:
    async with services.store.read() as tx:
        return await tx.now() + HOUR


async def test_ended_deliveries_go_with_their_attempts_and_open_ones_stay(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a", "b", "c"])
    await dispatch(services)
    before = await soon(services)

    async with services.store.write() as tx:
        gone = [await drop_deliveries(tx, before, 1) for _ in range(3)]

    assert gone == [1, 1, 0]
    assert [one.state for one in await log_of(services)] == [State.PENDING]
    assert await count(services, attempts) == 1


async def test_nothing_younger_goes(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    before = await soon(services) - 2 * HOUR

    async with services.store.write() as tx:
        assert await drop_deliveries(tx, before, 10) == 0
        assert await drop_events(tx, before, 10) == 0


async def test_events_go_from_the_oldest_on_up_to_one_a_delivery_speaks_of(
    services: Services, receiver: Receiver
) -> None:
    await upgrade_tokens(services, ["a", "b"])
    await subscribe(services, receiver.url(), tokens=["demo:c"])
    await upgrade_tokens(services, ["c", "d"], since=2)
    before = await soon(services)

    async with services.store.write() as tx:
        gone = [await drop_events(tx, before, 2) for _ in range(3)]

    kept = [event.sequence for event in await feed(services)]
    async with services.store.read() as tx:
        assert await dropped_through(tx) == kept[0] - 1
    (delivery,) = await log_of(services)
    assert sum(gone) == kept[0] - 1
    assert kept == list(range(kept[0], kept[-1] + 1))
    assert kept[0] == delivery.sequence


async def test_a_feed_that_was_emptied_goes_on_with_its_numbers(services: Services) -> None:
    await upgrade_tokens(services, ["a"])
    before = await soon(services)
    async with services.store.write() as tx:
        await drop_events(tx, before, 10)
        assert await dropped_through(tx) == 1
        assert await current_sequence(tx) == 1

    await upgrade_tokens(services, ["b"], since=2)

    assert next(event.sequence for event in await feed(services)) == 2


async def test_history_goes_but_the_value_that_holds_stays(services: Services) -> None:
    for number, score in enumerate((10, 20, 30, 40)):
        await push(services, day(number), {"a": score, "b": 50})

    async with services.store.write() as tx:
        gone = await drop_grades(tx, day(2) + HOUR, 100)

    async with services.store.read() as tx:
        lines = await list_history(tx, token("a"), Kind.TRADER, before=None, limit=10)
        still = await list_history(tx, token("b"), Kind.TRADER, before=None, limit=10)
    assert gone == 2
    assert [line.score for _, line in lines] == [4000, 3000]
    assert len(still) == 1


async def test_one_that_is_reopened_at_the_same_moment_stays(
    postgresql_url: str, receiver: Receiver
) -> None:
    settings = settings_for(postgresql_url, trusted_destinations=receiver.destination)
    async with open_services(settings) as services:
        made = await subscribe(services, receiver.url())
        await upgrade_tokens(services, ["a"])
        await dispatch(services)
        (delivery,) = await log_of(services)
        before = await soon(services)

        async def dropped() -> int:
            async with services.store.write() as tx:
                return await drop_deliveries(tx, before, 10)

        async def it_waits() -> bool:
            async with services.store.read() as tx:
                waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return bool((await tx.connection.execute(waiting)).scalar_one())

        async with services.store.write() as tx:
            ended = idle_delivery(delivery.id, await tx.now())
            assert await reopen(tx, made.endpoint, ended) == 1
            # It has seen the delivery as it was, and waits for what becomes of it.
            dropping = asyncio.create_task(dropped())
            await until(it_waits)

        assert await dropping == 0
        assert [one.state for one in await log_of(services)] == [State.PENDING]
        assert await count(services, attempts) == 1
