"""Writers who wait for each other: what they share is a commit, and nothing else."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, text

from alerts.errors import StorageFailed
from alerts.store import writers
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.engine import Store
from alerts.store.writers import MOST_SHARING
from tests.store.conftest import add, counted

LONG_STATEMENT = (
    "WITH RECURSIVE numbers(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers"
    " WHERE number < 1000000) SELECT count(*) FROM numbers"
)


@pytest.fixture(autouse=True)
def however_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to share less."""
    monkeypatch.setattr(writers, "SHARING_SECONDS", 60)


async def behind_one(store: Store, *works: asyncio.Task[None]) -> None:
    """A writer who is not done before all of these wait behind it."""
    async with store.write(queue="counters") as tx:
        await add_to_counter(tx, "first", 1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(work.done() for work in works)


async def test_those_who_waited_share_one_commit(store: Store, commits: list[str]) -> None:
    works = [asyncio.create_task(add(store, f"of {number}")) for number in range(5)]
    await asyncio.gather(behind_one(store, *works), *works)

    # The first of the tasks had begun before them.
    assert len(commits) <= 2
    assert [await counted(store, f"of {number}") for number in range(5)] == [1] * 5


async def test_so_many_share_one_commit_and_no_more(store: Store, commits: list[str]) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(3 * MOST_SHARING):
            group.create_task(add(store, f"of {number}"))

    assert len(commits) == 3


async def test_nobody_shares_a_commit_that_has_been_long_in_coming(
    store: Store, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "SHARING_SECONDS", 0)

    await asyncio.gather(*(add(store, "things") for _ in range(6)))

    assert len(commits) == 6


async def test_nobody_is_done_before_the_commit(store: Store, other_process: Store) -> None:
    async def add_and_look(number: int) -> None:
        await add(store, f"of {number}")
        assert await counted(other_process, f"of {number}") == 1

    async with asyncio.TaskGroup() as group:
        for number in range(2 * MOST_SHARING):
            group.create_task(add_and_look(number))


async def test_one_that_fails_undoes_itself_alone(store: Store) -> None:
    async def fail() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "failed", 1)
            raise KeyError

    async def refused() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "failed", 1)
            await tx.connection.execute(text("INSERT INTO counters (name) VALUES (NULL)"))

    found = await asyncio.gather(
        *(add(store, "done"), fail(), add(store, "done"), refused(), add(store, "done")),
        return_exceptions=True,
    )

    assert [type(one) for one in found if one is not None] == [KeyError, StorageFailed]
    assert await counted(store, "done") == 3
    assert await counted(store, "failed") == 0


async def test_what_one_is_refused_for_can_be_seen_by_then(store: Store) -> None:
    async def refuse() -> None:
        async with store.write(queue="counters") as tx:
            raise KeyError(await read_counter(tx, "things"))

    async def refuse_and_look() -> tuple[object, int]:
        with pytest.raises(KeyError) as refused:
            await refuse()
        return refused.value.args[0], await counted(store, "things")

    both = asyncio.gather(add(store, "things"), refuse_and_look(), add(store, "things"))

    assert (await both)[1] == (1, 2)


async def test_the_first_that_fails_takes_nobody_along(store: Store) -> None:
    async def fail() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "failed", 1)
            raise KeyError

    found = await asyncio.gather(
        fail(), *(add(store, "done") for _ in range(3)), return_exceptions=True
    )

    assert isinstance(found[0], KeyError)
    assert await counted(store, "done") == 3
    assert await counted(store, "failed") == 0


@pytest.mark.parametrize("place", [0, 1, 3])
async def test_one_that_is_cancelled_at_work_undoes_itself_alone(store: Store, place: int) -> None:
    async def hang() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "cancelled", 1)
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    before = [asyncio.create_task(add(store, "done")) for _ in range(place)]
    await asyncio.sleep(0)
    hanging = asyncio.create_task(hang())
    await asyncio.sleep(0)
    after = [asyncio.create_task(add(store, "done")) for _ in range(3)]
    await begun.wait()
    hanging.cancel()
    await asyncio.gather(*before, *after)

    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await counted(store, "done") == place + 3
    assert await counted(store, "cancelled") == 0


@pytest.mark.parametrize("place", [0, 1, 3])
async def test_one_that_is_cancelled_in_a_statement_ends_so_and_cancels_nobody_else(
    store: Store, place: int
) -> None:
    async def work() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "cancelled", 1)
            begun.set()
            await tx.connection.execute(text(LONG_STATEMENT))

    begun = asyncio.Event()
    before = [asyncio.create_task(add(store, "done")) for _ in range(place)]
    await asyncio.sleep(0)
    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    after = [asyncio.create_task(add(store, "done")) for _ in range(3)]
    await begun.wait()
    # On its way to the driver's thread.
    await asyncio.sleep(0)
    working.cancel()
    found = await asyncio.gather(*before, *after, return_exceptions=True)

    with pytest.raises(asyncio.CancelledError):
        await working
    # What it shared with others is undone with it, and they know.
    assert [type(one) for one in found] == [StorageFailed] * place + [type(None)] * 3
    assert await counted(store, "done") == 3
    assert await counted(store, "cancelled") == 0


async def test_one_that_leaves_before_the_commit_is_committed_with_the_others(store: Store) -> None:
    async def slow() -> None:
        async with store.write(queue="counters") as tx:
            await add_to_counter(tx, "done", 1)
            begun.set()
            await leaving_is_over.wait()

    begun, leaving_is_over = asyncio.Event(), asyncio.Event()
    leaving = asyncio.create_task(add(store, "done"))
    await asyncio.sleep(0)
    staying = asyncio.create_task(slow())
    await begun.wait()
    # The first has done its part, and waits for the commit.
    leaving.cancel()
    await asyncio.wait([leaving])
    leaving_is_over.set()
    await staying

    assert leaving.cancelled()
    assert await counted(store, "done") == 2


async def test_a_commit_that_fails_is_everybodys_failure(sqlite_store: Store) -> None:
    store = sqlite_store

    @event.listens_for(store.engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type.
        connection.cursor().execute("PRAGMA foreign_keys = ON")

    async def break_commit() -> None:
        async with store.write(queue="counters") as tx:
            # Looked at by the commit: there is nothing of this number.
            await tx.connection.execute(text("INSERT INTO owned VALUES (1)"))

    deferred = "REFERENCES owners (number) DEFERRABLE INITIALLY DEFERRED"
    async with store.write(queue="counters") as tx:
        await tx.connection.execute(text("CREATE TABLE owners (number INTEGER PRIMARY KEY)"))
        await tx.connection.execute(text(f"CREATE TABLE owned (owner INTEGER {deferred})"))
    found = await asyncio.gather(
        add(store, "lost"), break_commit(), add(store, "lost"), return_exceptions=True
    )

    assert [type(one) for one in found] == [StorageFailed] * 3
    assert await counted(store, "lost") == 0
    await add(store, "done")
    assert await counted(store, "done") == 1


async def test_where_the_database_undid_everything_everybody_fails(sqlite_store: Store) -> None:
    store = sqlite_store

    async def undo_all() -> None:
        async with store.write(queue="counters") as tx:
            # As a full disk does.
            await tx.connection.execute(
                text("INSERT OR ROLLBACK INTO counters (name) VALUES (NULL)")
            )

    found = await asyncio.gather(
        add(store, "lost"), undo_all(), add(store, "done"), return_exceptions=True
    )

    assert [type(one) for one in found] == [StorageFailed, StorageFailed, type(None)]
    assert (await counted(store, "lost"), await counted(store, "done")) == (0, 1)
