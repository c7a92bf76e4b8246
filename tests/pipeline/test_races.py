"""Two at once: the same ratings and events as one after the other, and numbers without holes."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from datetime import datetime

from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.domain import changes
from alerts.domain.events import Draft, EventType
from alerts.domain.grades import Cycle, Kind, TokenId
from alerts.domain.ids import EVENT
from alerts.domain.notices import test_event as notice
from alerts.domain.ratings import Rating, default_policies
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.tell import to_endpoint
from alerts.store.cycles import CycleState
from alerts.store.engine import Transaction
from alerts.store.events import append, list_events
from alerts.store.ratings import load_ratings
from alerts.store.tables import cycles
from tests.pipeline import racer
from tests.pipeline.conftest import (
    SOURCE,
    START,
    OpenServices,
    Scores,
    day,
    feed,
    grades_of,
    push,
    take_in,
)

NAMES = ("left", "right")
SHORT = {"t0": 99.0}


class Oracle:
    """What cycles come to one after the other, worked out in memory."""

    def __init__(self) -> None:
        self.ratings: dict[TokenId, Rating] = {}
        self.told: list[str] = []
        self._first: datetime | None = None
        self._newest: datetime | None = None

    def accept(self, as_of: datetime, scores: Scores, *, is_released: bool = False) -> None:
        cycle = Cycle(SOURCE, Kind.TRADER, as_of, complete=True, grades=grades_of(scores))
        is_late = self._newest is not None and as_of <= self._newest
        found = changes.diff(
            self.ratings,
            cycle,
            default_policies()[Kind.TRADER],
            first_as_of=self._first,
            newest_as_of=self._newest,
            as_history=is_released and is_late,
        )
        self.ratings.update({rating.token: rating for rating in found.ratings})
        self.told += [change.id for change in found.changes]
        self._first = self._first or as_of
        self._newest = as_of if self._newest is None else max(as_of, self._newest)


async def start(database_url: str, name: str, *, count: int, held: str) -> Process:
    words = ("-m", "tests.pipeline.racer", database_url, name, str(count), held)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n", await process.communicate()
    return process


async def end(process: Process) -> dict[str, int]:
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    ids: dict[str, int] = json.loads(said)
    return ids


async def accepted(services: Services) -> list[str]:
    """Ids of cycles in the order in which they were accepted."""
    query = select(cycles.c.id).where(cycles.c.diffed_at.is_not(None)).order_by(cycles.c.diffed_at)
    async with services.store.read() as tx:
        return list((await tx.connection.execute(query)).scalars())


async def watch_the_feed(services: Services, stop: asyncio.Event) -> None:
    """Fails as soon as a number is seen before those below it."""
    after = 0
    while not stop.is_set():
        async with services.store.read() as tx:
            new = await list_events(tx, after=after, limit=1000, app_id=None)
        numbers = [event.sequence for event in new]
        assert numbers == list(range(after + 1, after + 1 + len(numbers)))
        after += len(numbers)
        await asyncio.sleep(0.02)


async def test_two_processes_come_to_what_one_would(
    open_with: OpenServices, database_url: str
) -> None:
    # SQLite lets one of them write at a time: fewer rounds show as much.
    count = 40 if database_url.startswith("sqlite") else 100
    services = await open_with()
    baseline = dict.fromkeys((f"t{place}" for place in range(racer.TOKENS)), 50.0)
    first = await push(services, START, baseline)
    held = await push(services, racer.as_of(count // 2), SHORT)
    assert held.state is CycleState.HELD
    stop = asyncio.Event()
    reader = asyncio.create_task(watch_the_feed(services, stop))

    racing = [
        await start(database_url, name, count=count, held=held.id if name == "left" else "-")
        for name in NAMES
    ]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    ended = await asyncio.gather(*(end(process) for process in racing))

    stop.set()
    await reader
    oracle = Oracle()
    for cycle in await accepted(services):
        if cycle == first.id:
            oracle.accept(START, baseline)
        elif cycle == held.id:
            oracle.accept(held.as_of, SHORT, is_released=True)
        else:
            name, ids = next(pair for pair in zip(NAMES, ended, strict=True) if cycle in pair[1])
            oracle.accept(racer.as_of(ids[cycle]), racer.scores_of(name, ids[cycle]))
    events = await feed(services)
    other = {EventType.RESTATED, EventType.CYCLE_HELD}
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.id for event in events if event.type not in other] == oracle.told
    async with services.store.read() as tx:
        ratings = await load_ratings(tx, SOURCE, Kind.TRADER, wanted=None)
    assert ratings == oracle.ratings
    assert len(await accepted(services)) == 2 * count + 2


async def test_one_cycle_diffed_by_many_at_once_is_diffed_once(open_with: OpenServices) -> None:
    many = [await open_with() for _ in range(4)]
    await push(many[0], day(0), {"a": 50, "b": 50})
    cycle = await take_in(many[0], day(1), {"a": 95, "b": 5})

    async with asyncio.TaskGroup() as group:
        for services in many * 3:
            group.create_task(diff_cycle(cycle, store=services.store, ladder=services.ladder))

    assert [event.sequence for event in await feed(many[0])] == [1, 2]


async def test_kinds_and_sources_do_not_wait_for_each_others_cycles(
    open_with: OpenServices,
) -> None:
    pair = [await open_with(), await open_with()]
    for kind in Kind:
        await push(pair[0], day(0), {"a": 50}, kind=kind)

    async with asyncio.TaskGroup() as group:
        for services, kind in zip(pair, Kind, strict=True):
            for number in range(1, 6):
                scores = {"a": 95.0 if number % 2 else 5.0}
                group.create_task(push(services, day(number), scores, kind=kind))

    numbers = [event.sequence for event in await feed(pair[0])]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_reader_never_sees_a_number_before_the_one_below_it(services: Services) -> None:
    async def tell() -> None:
        async with services.store.write() as tx:
            await append(tx, [await note(tx)])

    async with services.store.write() as tx:
        await append(tx, [await note(tx)])
        second = asyncio.create_task(tell())
        for _ in range(20):
            assert await feed(services) == []
        assert not second.done()
    await second

    assert [event.sequence for event in await feed(services)] == [1, 2]


async def note(tx: Transaction) -> Draft:
    identity = await tx.new_id(EVENT)
    return notice(identity, at=await tx.now(), audience=to_endpoint("ep_x"), example=None)
