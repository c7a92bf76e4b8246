"""Transactions: what they see, whom they wait for, what their failures say."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update

from alerts.errors import SettingsInvalid, StorageFailed
from alerts.store.cipher import Cipher
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.databases import create_engine
from alerts.store.engine import Store, Transaction, open_store
from alerts.store.tables import apps, counters
from tests.store.conftest import KEY, MachineClock

# The number that a client's question for TLS bears in place of a version.
SSL_REQUEST = 80_877_103
AT = datetime(2026, 1, 1, tzinfo=UTC)


async def count(tx: Transaction) -> int:
    return await read_counter(tx, "things")


async def add_one(store: Store) -> None:
    async with store.write() as tx:
        await add_to_counter(tx, "things", 1)


@pytest.fixture
async def other_process(sqlite_url: str) -> AsyncIterator[Store]:
    """A store with an engine and a lock of its own, as another process has."""
    async with open_store(sqlite_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened


async def test_what_is_written_is_there_after_the_block(store: Store) -> None:
    await add_one(store)

    async with store.read() as tx:
        assert await count(tx) == 1


async def test_a_block_that_fails_has_written_nothing(store: Store) -> None:
    async def fail() -> None:
        async with store.write() as tx:
            await add_to_counter(tx, "things", 1)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    async with store.read() as tx:
        assert await count(tx) == 0


async def test_writers_at_once_lose_nothing(store: Store) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(add_one(store))

    async with store.read() as tx:
        assert await count(tx) == 30


async def test_a_writers_work_is_not_seen_before_its_commit(store: Store) -> None:
    async with store.write() as tx:
        await add_to_counter(tx, "things", 1)
        async with store.read() as reader:
            assert await count(reader) == 0


async def test_now_is_one_moment_for_a_whole_transaction(store: Store) -> None:
    async with store.read() as tx:
        first = await tx.now()
        await asyncio.to_thread(lambda: None)

        assert await tx.now() == first
        assert first.tzinfo is UTC


async def test_times_come_back_to_the_microsecond(store: Store) -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)
    async with store.write() as tx:
        await tx.connection.execute(update(counters).values(recorded_at=moment))

    async with store.read() as tx:
        found = await tx.connection.execute(select(counters.c.recorded_at))
    assert set(found.scalars()) == {moment}


class TestSqlite:
    async def test_two_reads_of_one_transaction_see_the_same(
        self, sqlite_store: Store, other_process: Store
    ) -> None:
        async with sqlite_store.read() as tx:
            before = await count(tx)
            await add_one(other_process)
            assert await count(tx) == before

        async with sqlite_store.read() as tx:
            assert await count(tx) == before + 1

    async def test_a_writer_waits_for_another_process(
        self, sqlite_store: Store, other_process: Store
    ) -> None:
        async with other_process.write() as tx:
            await add_to_counter(tx, "things", 1)
            waiting = asyncio.create_task(add_one(sqlite_store))
            for _ in range(20):
                async with sqlite_store.read() as reader:
                    await count(reader)
            assert not waiting.done()
        await waiting

        async with sqlite_store.read() as tx:
            assert await count(tx) == 2

    async def test_a_writer_that_read_first_does_not_fail_half_way(
        self, sqlite_store: Store, other_process: Store
    ) -> None:
        async def read_then_write(store: Store) -> None:
            async with store.write() as tx:
                seen = await count(tx)
                await add_to_counter(tx, "things", 1)
                assert await count(tx) == seen + 1

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(read_then_write(sqlite_store))
                group.create_task(read_then_write(other_process))

        async with sqlite_store.read() as tx:
            assert await count(tx) == 40

    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("journal_mode", "wal"), ("synchronous", 2), ("busy_timeout", 10_000)],
    )
    async def test_a_commit_is_durable_and_readers_wait_for_nobody(
        self, sqlite_store: Store, pragma: str, value: object
    ) -> None:
        async with sqlite_store.read() as tx:
            found = await tx.connection.execute(text(f"PRAGMA {pragma}"))
            assert found.scalar_one() == value


class TestFailures:
    async def test_a_failure_says_what_without_what_was_written(self, store: Store) -> None:
        row = {"id": "app_1", "name": "hush-hush", "created_at": AT}

        async def twice() -> None:
            async with store.write() as tx:
                await tx.connection.execute(insert(apps), [row])
                await tx.connection.execute(insert(apps), [row])

        with pytest.raises(StorageFailed) as failed:
            await twice()

        assert "unique" in str(failed.value).lower()
        assert "hush-hush" not in str(failed.value)
        assert "hush-hush" not in str(failed.value.__cause__)

    @pytest.mark.parametrize("value", ["hush-hush", b"hush-hush", "hush\0hush", object()])
    async def test_a_value_of_the_wrong_kind_is_not_repeated(
        self, store: Store, value: object
    ) -> None:
        async def write() -> None:
            async with store.write() as tx:
                statement = text("UPDATE counters SET value = :value + 1")
                if tx.is_postgresql:
                    statement = text("UPDATE counters SET value = CAST(:value AS BIGINT)")
                await tx.connection.execute(statement, {"value": value})
                await tx.connection.execute(text("SELECT nothing FROM nowhere"))

        with pytest.raises(StorageFailed) as failed:
            await write()

        assert "hush" not in str(failed.value)

    async def test_a_database_that_is_not_there_is_a_storage_failure(self) -> None:
        address = "sqlite+aiosqlite:////nowhere/at/all.db"
        threads = set(threading.enumerate())
        async with open_store(address, clock=MachineClock(), cipher=Cipher([KEY])) as store:
            with pytest.raises(StorageFailed, match="unable to open"):
                await add_one(store)
        # A thread of the driver's would say goodbye to a loop that may be closed by then.
        assert not {thread.name for thread in set(threading.enumerate()) - threads}

    @pytest.mark.parametrize("url", ["", "nonsense", "sqlite:///a.db", "mysql+aiomysql://h/d"])
    def test_an_address_that_cannot_work_names_its_setting(self, url: str) -> None:
        with pytest.raises(SettingsInvalid, match="GRADEBELL_DATABASE_URL"):
            create_engine(url)


def test_the_sqlite_at_hand_speaks_as_we_do() -> None:
    assert sqlite3.sqlite_version_info >= (3, 35), "RETURNING came with 3.35"


async def test_an_error_without_words_is_a_storage_failure_too(database_url: str) -> None:
    async with open_store(database_url, clock=MachineClock(), cipher=Cipher([KEY])) as store:
        with pytest.raises(StorageFailed, match="TimeoutError"):
            async with store.read():
                raise TimeoutError


async def test_what_a_transaction_reads_twice_is_the_same(store: Store) -> None:
    await add_one(store)

    async with store.read() as tx:
        before = await count(tx)
        await add_one(store)
        assert await count(tx) == before

    async with store.read() as tx:
        assert await count(tx) == before + 1


async def starting_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """PostgreSQL that takes connections before it takes any work."""
    while length := int.from_bytes(await reader.readexactly(4), "big"):
        asked = int.from_bytes((await reader.readexactly(length - 4))[:4], "big")
        if asked == SSL_REQUEST:
            writer.write(b"N")
            continue
        fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        break
    await writer.drain()
    writer.close()


async def test_a_database_that_starts_up_is_a_failure_of_storage_like_any_other() -> None:
    async with await asyncio.start_server(starting_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql+asyncpg://gradebell@127.0.0.1:{port}/gradebell"
        async with open_store(url, clock=MachineClock(), cipher=Cipher([KEY])) as store:
            with pytest.raises(StorageFailed, match="starting up") as caught:
                await add_one(store)

    assert caught.value.is_outside
