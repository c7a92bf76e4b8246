"""What conftest promises: servers that end, databases and a Redis that are a test's own."""

import os
import sys
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from alerts.store.tables import metadata
from tests import databases, programs, servers


@pytest.mark.parametrize(
    "where", list(servers.postgresql_programs()), ids=lambda where: where.origin
)
def test_every_postgresql_at_hand_starts_and_ends(where: servers.Programs) -> None:
    with servers.run_postgresql(where) as server:
        assert server.version.startswith("PostgreSQL ")
        assert is_alive(server.pid)

    assert not is_alive(server.pid)


@pytest.mark.parametrize("where", list(servers.redis_programs()), ids=lambda where: where.origin)
def test_every_redis_at_hand_starts_and_ends(where: servers.Programs) -> None:
    with servers.run_redis(where) as server, Redis.from_url(server.url) as client:
        assert client.ping()

    assert not is_alive(server.pid)


def test_a_program_ends_even_when_the_run_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]

    pids = []

    def fail() -> None:
        with programs.running(command, tmp_path, is_ready=lambda: True) as program:
            pids.append(program.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not is_alive(pids[0])


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the disk is full')"]

    with (
        pytest.raises(programs.Unavailable, match="the disk is full"),
        programs.running(command, tmp_path, is_ready=lambda: False),
    ):
        pytest.fail("it should not have started")


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_a_database_is_a_tests_own(database_url: str, turn: str) -> None:
    engine = create_async_engine(database_url)
    try:
        async with engine.begin() as connection:
            # Fails for whoever comes second to the same database.
            await connection.execute(text(f"CREATE TABLE left_by_a_test ({turn}_column INTEGER)"))
    finally:
        await engine.dispose()


async def test_a_database_that_was_lent_is_as_it_came(
    postgresql_lending: databases.Lending,
) -> None:
    contents = []

    for _ in range(2):
        with postgresql_lending.lend() as url:
            contents.append((url, await contents_of(url)))
            await fill(url)

    (first, before), (second, after) = contents
    assert first == second
    assert after == before
    assert before["apps"] != []


async def test_whoever_a_test_leaves_behind_keeps_no_database(
    postgresql_lending: databases.Lending,
) -> None:
    with postgresql_lending.lend() as url:
        engine = create_async_engine(url)
        left_behind = await engine.connect()
        await left_behind.execute(text("LOCK TABLE apps"))

    with postgresql_lending.lend() as again:
        found = await contents_of(again)

    assert again == url
    assert len(found["apps"]) == 1
    with pytest.raises(DBAPIError):
        await left_behind.execute(text("SELECT 1"))
    await left_behind.invalidate()
    await engine.dispose()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_redis_is_empty_for_each_test(redis_url: str, turn: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.keys() == []

        client.set("left by a test", turn)


async def contents_of(url: str) -> dict[str, list[str]]:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            rows = {
                name: await connection.execute(text(f"SELECT * FROM {name}"))  # noqa: S608
                for name in [*metadata.tables, "alembic_version"]
            }
            return {name: sorted(map(repr, found)) for name, found in rows.items()}
    finally:
        await engine.dispose()


async def fill(url: str) -> None:
    """Something written, something changed, something deleted."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE apps SET name = 'changed by a test'"))
            await connection.execute(
                text("INSERT INTO apps (id, name, created_at) VALUES ('app_x', 'new', 0)")
            )
            await connection.execute(text("DELETE FROM counters"))
            await connection.execute(text("DELETE FROM alembic_version"))
    finally:
        await engine.dispose()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
