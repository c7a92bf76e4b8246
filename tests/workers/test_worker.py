"""`gradebell worker` as a program: with Redis and PostgreSQL, and without either."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import KEYS
from tests.cli.processes import Program, running
from tests.receiver import Receiver, Reply
from tests.servers import Server, redis
from tests.workers.installation import opened, push, states, subscribe, wait_for_states


@pytest.fixture(params=["sqlite", "postgresql", "postgresql with redis"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Every kind of installation there is."""
    database, _, with_redis = request.param.partition(" ")
    url = request.getfixturevalue(f"{database}_url")
    settings = {**KEYS, "DATABASE_URL": str(url), "SOURCE": "none"}
    if with_redis:
        settings["REDIS_URL"] = str(request.getfixturevalue("redis_url"))
    return settings


@contextmanager
def worker(settings: Mapping[str, str], folder: Path) -> Iterator[Program]:
    with running(["worker"], folder, settings) as program:
        program.wait_for("worker.started")
        yield program


async def test_what_another_process_pushed_is_delivered(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver)
            with worker(settings, tmp_path) as program:
                for day in range(3):
                    await push(services, day)
                await receiver.wait_for(10, within_seconds=30)
                await wait_for_states(services, {"delivered": 10})

                assert program.end(signal.SIGTERM) == 0
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 10
    assert "worker.stopped" in program.output
    assert [line for line in program.lines if "Traceback" in line] == []


async def test_several_workers_deliver_each_event_once(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver, 8)
            with worker(settings, tmp_path) as one, worker(settings, tmp_path) as other:
                for day in range(3):
                    await push(services, day)
                await receiver.wait_for(80, within_seconds=30)
                await wait_for_states(services, {"delivered": 80})

                codes = one.end(signal.SIGTERM), other.end(signal.SIGINT)
    assert codes == (0, 0)
    assert len(receiver.requests) == 80


async def test_the_end_waits_for_what_is_on_the_wire(
    settings: dict[str, str], tmp_path: Path
) -> None:
    answer = asyncio.Event()
    async with Receiver() as receiver:
        receiver.script("/0", Reply(held=answer))
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver)
            with worker(settings, tmp_path) as program:
                for day in range(2):
                    await push(services, day, tokens=1)
                await receiver.wait_for(1, within_seconds=30)

                program.process.send_signal(signal.SIGTERM)
                asyncio.get_running_loop().call_later(1, answer.set)
                code = await asyncio.to_thread(program.process.wait, 20)

            assert await states(services) == {"delivered": 1}
    assert code == 0
    assert len(receiver.requests) == 1


async def test_a_worker_outlives_its_redis(postgresql_url: str, tmp_path: Path) -> None:
    settings = {**KEYS, "DATABASE_URL": postgresql_url, "SOURCE": "none"}
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        with redis() as server:
            settings["REDIS_URL"] = server.url
            with worker(settings, tmp_path) as program, frozen(server):
                program.wait_for("redis.lost")
                async with opened(settings) as services:
                    await subscribe(services, receiver)
                    for day in range(2):
                        await push(services, day)
                    await receiver.wait_for(5, within_seconds=30)

                assert program.end(signal.SIGTERM) == 0
    assert [line for line in program.lines if "Traceback" in line] == []


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """A server that answers no more, though its connections stay open."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
