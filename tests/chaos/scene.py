"""What the faults have in common: a receiver that takes its time, workers as programs, the counts.

Every fault has a short form, which `make test` runs, and a long one: `make chaos`.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from aiohttp import web
from sqlalchemy import func, select

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.pipeline.recover import LANES_REPAIRED
from alerts.store.counters import read_counter
from alerts.store.gauges import read_backlog
from alerts.store.queue import OPEN
from alerts.store.tables import attempts, deliveries, lanes
from tests.cli.conftest import KEYS
from tests.cli.processes import COMMAND, Program, running
from tests.receiver import Receiver
from tests.workers.installation import states

IS_LONG = os.environ.get("CHAOS") == "long"
LEASE_SECONDS = 2
NO_MORE: Mapping[str, str] = MappingProxyType({})
# So long a program may take to do what is waited for, on a machine with much else to do.
PATIENCE_SECONDS = 90.0


class SlowReceiver(Receiver):
    """Answers after a while, so that something is on the wire at any moment."""

    seconds = 0.03

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = await super()._answer(request)
        await asyncio.sleep(self.seconds)
        return answer


def settings_of(
    database_url: str, receiver: Receiver, more: Mapping[str, str] = NO_MORE
) -> dict[str, str]:
    """An installation whose workers are missed after two seconds. more: or something else."""
    return {
        **KEYS,
        "DATABASE_URL": database_url,
        "SOURCE": "none",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "SEND_DEADLINE_SECONDS": "1",
        "TRUSTED_DESTINATIONS": receiver.destination,
        **more,
    }


@contextmanager
def worker(settings: Mapping[str, str], folder: Path, *other: str) -> Iterator[Program]:
    """`gradebell worker`, which may not have begun yet; or another made of the same parts.

    other: what makes it different, in the words of tests/chaos/other_worker.py.
    """
    command = (sys.executable, "-m", "tests.chaos.other_worker") if other else COMMAND
    with running(other or ["worker"], folder, settings, command=command) as program:
        yield program


async def kill(program: Program) -> None:
    """SIGKILL, and wait until it is dead."""
    program.process.kill()
    code = await asyncio.to_thread(program.process.wait, PATIENCE_SECONDS)
    assert code == -signal.SIGKILL, program.output


async def end_in_order(program: Program, within_seconds: float) -> int:
    """SIGTERM; its exit code."""
    return await asyncio.to_thread(program.end, signal.SIGTERM, within_seconds)


@dataclass(slots=True)
class Watch:
    """Looks for deliveries that are sent after they were recorded as delivered: `again`."""

    services: Services
    receiver: Receiver
    again: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _seen: int = 0

    async def look(self) -> None:
        """Hold what came since the last look against what was recorded at it."""
        came = self.receiver.requests[self._seen :]
        self.again += self._known & {request.headers["gradebell-delivery"] for request in came}
        self._known = await delivered(self.services)
        self._seen = len(self.receiver.requests)


def copies_of(receiver: Receiver) -> Counter[str]:
    """How often each delivery arrived."""
    return Counter(request.headers["gradebell-delivery"] for request in receiver.requests)


async def interruptions(services: Services) -> Counter[str]:
    """How often each delivery was cut off with its worker, as the log has it."""
    query = (
        select(attempts.c.delivery_id, func.count())
        .where(attempts.c.outcome == "interrupted")
        .group_by(attempts.c.delivery_id)
    )
    async with services.store.read() as tx:
        return Counter({row[0]: row[1] for row in await tx.connection.execute(query)})


async def delivered(services: Services) -> set[str]:
    """Deliveries recorded as delivered by now."""
    query = select(deliveries.c.id).where(deliveries.c.state == State.DELIVERED)
    async with services.store.read() as tx:
        return set((await tx.connection.execute(query)).scalars())


async def all_ended(services: Services) -> None:
    """Return once nothing is open any more, whatever came of it; says how it stands if it stays."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await is_open(services):  # noqa: ASYNC110 - another process's doing.
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not all ended: {await states(services)}") from None


async def is_open(services: Services) -> bool:
    """Whether a cycle or a delivery is on its way."""
    async with services.store.read() as tx:
        backlog = await read_backlog(tx)
    return bool(backlog.cycles_open or {str(one) for one in OPEN} & set(await states(services)))


async def leased(services: Services) -> tuple[int, int]:
    """(lanes under a lease, deliveries being sent)."""
    held = select(func.count()).select_from(lanes).where(lanes.c.lease_id.is_not(None))
    sending = (
        select(func.count()).select_from(deliveries).where(deliveries.c.state == State.SENDING)
    )
    async with services.store.read() as tx:
        return (
            (await tx.connection.execute(held)).scalar_one(),
            (await tx.connection.execute(sending)).scalar_one(),
        )


async def repaired(services: Services) -> int:
    """Lanes that had fallen asleep."""
    async with services.store.read() as tx:
        return await read_counter(tx, LANES_REPAIRED)


async def assert_nothing_is_lost(services: Services, receiver: Receiver, *, owed: int) -> int:
    """Each delivery arrived, again only where the log says it was cut off; how many came again."""
    assert await states(services) == {"delivered": owed}
    copies, cut_off = copies_of(receiver), await interruptions(services)
    again = {one: count - 1 for one, count in copies.items() if count > 1}
    assert set(copies) == await delivered(services)
    assert len(copies) == owed
    assert {one: more for one, more in again.items() if more > cut_off[one]} == {}
    assert await repaired(services) == 0
    return sum(again.values())


def tell(fault: str, **counts: object) -> None:
    """Print what a long run came to."""
    if IS_LONG:
        words = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        print(f"\n{fault}: {words}")  # noqa: T201 - a measurement is there to be read.
