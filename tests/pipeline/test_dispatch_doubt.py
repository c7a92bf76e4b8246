"""A commit whose success the worker never learns of: it stands, and nothing is done twice."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import Connection, event

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.errors import StorageFailed
from alerts.store.engine import Store, Transaction
from tests.pipeline.conftest import dispatch, log_of, repairs, subscribe, tries, upgrade_tokens
from tests.pipeline.lost import NAMES
from tests.receiver import Receiver

MATCHED = "matched"


class DeafStore(Store):
    """A store that commits, and then fails as if the connection had broken before the answer.

    So it does once for each statement that begins with these words.
    """

    def __init__(self, services: Services, words: str, *, times: int) -> None:
        super().__init__(services.store.engine, clock=services.clock, cipher=services.store.cipher)
        self.times = times
        self._words = words
        event.listen(self.engine.sync_engine, "after_cursor_execute", self._executed)

    @asynccontextmanager
    async def write(
        self, *, waits_for_disk: bool = True, queue: str | None = None
    ) -> AsyncIterator[Transaction]:
        async with super().write(waits_for_disk=waits_for_disk, queue=queue) as tx:
            yield tx
            connection = tx.connection.sync_connection
            is_it = connection is not None and connection.info.pop(MATCHED, False)
        if is_it and self.times:
            self.times -= 1
            raise StorageFailed("the connection broke while this was committed")

    def _executed(
        self, connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        if statement.startswith(self._words):
            connection.info[MATCHED] = True


async def test_what_was_settled_in_doubt_is_settled_once_and_what_was_begun_with_it_goes(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, [*NAMES, *(f"u{number}" for number in range(15))])
    deaf = DeafStore(services, "INSERT INTO attempts", times=3)

    await dispatch(replace(services, store=deaf))

    log = await log_of(services)
    copies = Counter(request.headers["gradebell-delivery"] for request in receiver.requests)
    assert deaf.times == 0
    assert {one.state for one in log} == {State.DELIVERED}
    assert set(copies) == {one.id for one in log}
    assert set(copies.values()) == {1}
    assert [len(await tries(services, one)) for one in log] == [1] * len(log)
    assert {one.attempts for one in log} == {1}
    assert await repairs(services) == 0
