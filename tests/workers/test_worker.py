"""`gradebell worker` as a program: with Redis and PostgreSQL, and without either."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import State
from alerts.domain.grades import Kind, Reading, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.receive import receive
from alerts.settings import Settings
from alerts.store.cycles import Origin
from alerts.store.deliveries import count_by_state
from tests.cli.conftest import KEYS
from tests.cli.processes import Program, running
from tests.receiver import Receiver, Reply
from tests.servers import Server, redis

SOURCE = source_name("models")
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
SCORES = (50, 85, 30)


@pytest.fixture(params=["sqlite", "postgresql", "postgresql with redis"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Every kind of installation there is."""
    database, _, with_redis = request.param.partition(" ")
    url = request.getfixturevalue(f"{database}_url")
    settings = {**KEYS, "DATABASE_URL": str(url), "SOURCE": "none"}
    if with_redis:
        settings["REDIS_URL"] = str(request.getfixturevalue("redis_url"))
    return settings


@asynccontextmanager
async def opened(settings: Mapping[str, str]) -> AsyncIterator[Services]:
    """What another process, the API for one, has of the same installation."""
    given = {name.lower(): value for name, value in settings.items()}
    async with open_services(Settings.model_validate(given)) as services:
        yield services


@contextmanager
def worker(settings: Mapping[str, str], folder: Path) -> Iterator[Program]:
    with running(["worker"], folder, settings) as program:
        program.wait_for("worker.started")
        yield program


async def push(services: Services, day: int, *, tokens: int = 5) -> None:
    """A cycle in which every token goes where the day's score is."""
    grades = tuple(
        read_grade(SOURCE, {"token_id": token, "score": SCORES[day % len(SCORES)]})
        for token in range(tokens)
    )
    reading = Reading({FIRST_DAY + timedelta(days=day): grades})
    async with services.store.write() as tx:
        (cycle_id,) = await receive(
            tx, reading, source=SOURCE, kind=Kind.TRADER, complete=True, origin=Origin.PUSH
        )
    await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
    await services.waker.wake()


async def states(services: Services) -> dict[str, int]:
    async with services.store.read() as tx:
        return dict(await count_by_state(tx))


async def wait_for_states(services: Services, expected: dict[str, int]) -> None:
    async with asyncio.timeout(20):
        while True:
            if await states(services) == expected:
                return
            await asyncio.sleep(0.02)


async def test_what_another_process_pushed_is_delivered(
    settings: dict[str, str], tmp_path: Path
) -> None:
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await create_webhook(HOUSE_APP, receiver.url("/"), Wish(), desk=services.desk)
            with worker(settings, tmp_path) as program:
                for day in range(3):
                    await push(services, day)
                await receiver.wait_for(10, within_seconds=30)
                await wait_for_states(services, {State.DELIVERED: 10})

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
            for place in range(8):
                await create_webhook(
                    HOUSE_APP, receiver.url(f"/{place}"), Wish(), desk=services.desk
                )
            with worker(settings, tmp_path) as one, worker(settings, tmp_path) as other:
                for day in range(3):
                    await push(services, day)
                await receiver.wait_for(80, within_seconds=30)
                await wait_for_states(services, {State.DELIVERED: 80})

                codes = one.end(signal.SIGTERM), other.end(signal.SIGINT)
    assert codes == (0, 0)
    assert len(receiver.requests) == 80


async def test_the_end_waits_for_what_is_on_the_wire(
    settings: dict[str, str], tmp_path: Path
) -> None:
    answer = asyncio.Event()
    async with Receiver() as receiver:
        receiver.script("/", Reply(held=answer))
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await create_webhook(HOUSE_APP, receiver.url("/"), Wish(), desk=services.desk)
            with worker(settings, tmp_path) as program:
                for day in range(2):
                    await push(services, day, tokens=1)
                await receiver.wait_for(1, within_seconds=30)

                program.process.send_signal(signal.SIGTERM)
                asyncio.get_running_loop().call_later(1, answer.set)
                code = await asyncio.to_thread(program.process.wait, 20)

            assert await states(services) == {State.DELIVERED: 1}
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
                    await create_webhook(HOUSE_APP, receiver.url("/"), Wish(), desk=services.desk)
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
