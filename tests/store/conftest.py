"""A store on the test's own database."""

import base64
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from alerts.store.cipher import Cipher
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.engine import Store, open_store

KEY = base64.urlsafe_b64encode(bytes(32)).decode()


class MachineClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    async with open_store(sqlite_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened


@pytest.fixture
async def other_process(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened


@pytest.fixture
def commits(request: pytest.FixtureRequest) -> list[str]:
    """How each commit was synchronized, in their order."""
    seen: list[str] = []
    is_sqlite = "sqlite_store" in request.fixturenames
    of: Store = request.getfixturevalue("sqlite_store" if is_sqlite else "store")

    @event.listens_for(of.engine.sync_engine, "commit")
    def on_commit(connection: object) -> None:
        seen.append(str(connection.info.get("synchronous")))  # type: ignore[attr-defined]

    return seen


async def add(store: Store, name: str, number: int = 1) -> None:
    async with store.write(queue="counters") as tx:
        await add_to_counter(tx, name, number)


async def counted(store: Store, name: str) -> int:
    async with store.read() as tx:
        return await read_counter(tx, name)
