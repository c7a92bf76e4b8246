"""What conftest promises: servers that end, databases and a Redis that are a test's own."""

import os
import sys
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests import programs, servers


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
        with programs.running(command, tmp_path, is_ready=lambda: True) as pid:
            pids.append(pid)
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


@pytest.mark.parametrize("turn", ["first", "second"])
def test_redis_is_empty_for_each_test(redis_url: str, turn: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.keys() == []

        client.set("left by a test", turn)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
