"""A database behind a network that swallows everything, and says nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import make_url

from alerts.errors import StorageFailed
from alerts.store import databases
from alerts.store.cipher import Cipher
from alerts.store.counters import add_to_counter, read_counter
from alerts.store.engine import Store, open_store
from tests.store.conftest import KEY, MachineClock


class Wire:
    """Between us and a database. What is cut stays open, and nothing passes any more."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._ends: list[asyncio.StreamWriter] = []
        self._passing: list[asyncio.Task[None]] = []

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asking = await asyncio.open_connection(*self._to)
        self._ends += [writer, asking]
        for way in ((reader, asking), (answers, writer)):
            self._passing.append(asyncio.create_task(self._pass(*way)))

    def cut(self) -> None:
        for way in self._passing:
            way.cancel()

    async def take_away(self) -> None:
        self.cut()
        for end in self._ends:
            end.transport.abort()
            with suppress(OSError):
                await end.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def behind(url: str) -> AsyncIterator[tuple[Store, Wire]]:
    """A store that reaches its database by a wire."""
    there = make_url(url)
    wire = Wire(str(there.host), there.port or 5432)
    async with await asyncio.start_server(wire.carry, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        here = there.set(port=port).render_as_string(hide_password=False)
        async with open_store(here, clock=MachineClock(), cipher=Cipher([KEY])) as store:
            yield store, wire
        await wire.take_away()


async def add_one(store: Store) -> None:
    async with store.write() as tx:
        await add_to_counter(tx, "things", 1)


async def test_a_connection_that_says_nothing_is_given_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "STATEMENT_SECONDS", 0.5)
    async with behind(postgresql_url) as (store, wire):
        await add_one(store)
        wire.cut()

        async with asyncio.timeout(15):
            with pytest.raises(StorageFailed) as failed:
                await add_one(store)
            await add_one(store)

        assert failed.value.is_outside
        async with store.read() as tx:
            assert await read_counter(tx, "things") == 2
