"""What a commit waits for, and whom one queue keeps waiting."""

import asyncio

from sqlalchemy import text

from alerts.store.cipher import Cipher
from alerts.store.counters import add_to_counter
from alerts.store.engine import Store, open_store
from tests.store.conftest import KEY, MachineClock, add, counted


async def test_only_what_may_be_lost_with_sqlite_s_machine_does_not_wait_for_the_disk(
    store: Store, other_process: Store
) -> None:
    async def add_and_look(*, waits_for_disk: bool) -> str:
        async with store.write(waits_for_disk=waits_for_disk) as tx:
            await add_to_counter(tx, "things", 1)
            asked = "SHOW synchronous_commit" if tx.is_postgresql else "PRAGMA synchronous"
            return str((await tx.connection.execute(text(asked))).scalar_one())

    found = [await add_and_look(waits_for_disk=waits) for waits in (True, False, True, False)]

    # On SQLite 2 is FULL, 1 NORMAL.
    waiting, not_waiting = found[:2]
    assert (waiting, not_waiting) in {("2", "1"), ("on", "on")}
    assert found[2:] == [waiting, not_waiting]
    assert await counted(other_process, "things") == 4


async def test_what_need_not_wait_shares_the_commit_of_what_must(
    sqlite_store: Store, commits: list[str]
) -> None:
    async def add_lightly() -> None:
        async with sqlite_store.write(waits_for_disk=False) as tx:
            await add_to_counter(tx, "things", 1)

    await asyncio.gather(add(sqlite_store, "things"), add_lightly(), add(sqlite_store, "things"))

    assert commits == ["FULL"]
    assert await counted(sqlite_store, "things") == 3


async def test_queues_of_other_names_are_others(postgresql_url: str) -> None:
    """On SQLite there is one queue, whatever its name."""
    async with (
        open_store(postgresql_url, clock=MachineClock(), cipher=Cipher([KEY])) as store,
        store.write(queue="left"),
    ):
        async with store.write(queue="right") as tx:
            await add_to_counter(tx, "right", 1)
        # Committed, while the other is under way.
        assert await counted(store, "right") == 1
