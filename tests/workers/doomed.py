"""A worker made of the same parts as any, but for a point at which it stops dead.

Run as `python -m tests.workers.doomed POINT`, with the settings in the environment. It ends by
SIGKILL: nothing in it gets to know, as when a machine is lost.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import Connection, event

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import Answer, Channel
from alerts.ports import Destination, Letter, Sender
from alerts.settings import load_settings
from alerts.store.engine import Store, Transaction
from workers.inline import run_clock
from workers.worker import work

_MATCHED = "doomed.matched"


class Moment(Enum):
    """When, of what is named."""

    AFTER_STATEMENT = "after the statement, before its commit"
    AFTER_COMMIT = "after the commit of the statement"
    BEFORE_SEND = "before the first send"
    AFTER_SEND = "after the first answer"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a worker dies. statement: words of the SQL that is meant."""

    moment: Moment
    statement: str = ""


POINTS = {
    "after transaction 1": Point(Moment.AFTER_COMMIT, "INSERT INTO events"),
    "mid fan-out": Point(Moment.AFTER_STATEMENT, "INTO deliveries"),
    "after claim": Point(Moment.AFTER_COMMIT, "UPDATE lanes SET lease_id="),
    "after start": Point(Moment.BEFORE_SEND),
    "after the answer": Point(Moment.AFTER_SEND),
    "mid settle": Point(Moment.AFTER_STATEMENT, "INSERT INTO attempts"),
}


def die() -> None:
    """Now, without another word."""
    os.kill(os.getpid(), signal.SIGKILL)


class DoomedStore(Store):
    """A store whose point is a statement, or the commit after it."""

    def __init__(self, services: Services, point: Point) -> None:
        super().__init__(services.store.engine, clock=services.clock, cipher=services.store.cipher)
        self._point = point
        event.listen(self.engine.sync_engine, "after_cursor_execute", self._executed)

    @asynccontextmanager
    async def write(
        self, *, waits_for_disk: bool = True, queue: str | None = None
    ) -> AsyncIterator[Transaction]:
        async with super().write(waits_for_disk=waits_for_disk, queue=queue) as tx:
            yield tx
            connection = tx.connection.sync_connection
            is_it = connection is not None and connection.info.pop(_MATCHED, False)
        if is_it and self._point.moment is Moment.AFTER_COMMIT:
            die()

    def _executed(self, connection: Connection, *facts: Any) -> None:  # noqa: ANN401 - SQLAlchemy's.
        _cursor, statement, *_ = facts
        if self._point.statement and self._point.statement in statement:
            if self._point.moment is Moment.AFTER_STATEMENT:
                die()
            connection.info[_MATCHED] = True


class DoomedSender:
    """A sender whose point is its first send."""

    def __init__(self, sender: Sender, point: Point) -> None:
        self._sender = sender
        self._point = point

    @property
    def repeatable(self) -> bool:
        return self._sender.repeatable

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        if self._point.moment is Moment.BEFORE_SEND:
            die()
        answer = await self._sender.send(destination, parcel)
        if self._point.moment is Moment.AFTER_SEND:
            die()
        return answer


async def main(point: Point) -> None:
    settings = load_settings()
    telemetry.configure(settings.log_format, settings.log_level)
    async with open_services(settings) as services:
        webhook = DoomedSender(services.senders[Channel.WEBHOOK], point)
        doomed = replace(
            services, store=DoomedStore(services, point), senders={Channel.WEBHOOK: webhook}
        )
        await work(doomed, asyncio.Event(), run_clock)


if __name__ == "__main__":
    asyncio.run(main(POINTS[sys.argv[1]]))
