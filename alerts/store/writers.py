"""Writers who wait for each other share their commits, for it is the disk that takes longest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.errors import StorageFailed

_CUT_OFF: Final = "the database failed: who shared the commit was cut off"
# So many share one commit at most, and for so long, for the first of them waits for the last, and
# on PostgreSQL others for locks that all of them keep.
MOST_SHARING: Final = 32
SHARING_SECONDS: Final = 0.1


class Begin(Protocol):
    """Begins a transaction of the database, committed at the end of the block."""

    def __call__(self, *, waits_for_disk: bool) -> AbstractAsyncContextManager[AsyncConnection]:
        """waits_for_disk: whether its commit does."""


class Writers:
    """Transactions one after the other, and several of them in one of the database.

    Those that wait while one is under way follow it before its commit, each behind a savepoint, so
    that what fails undoes itself alone. Then all are committed at once, and none of them is over
    before that, not even what failed; if the commit fails all of them have.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._turn = asyncio.Lock()
        self._shared: _Shared | None = None

    @asynccontextmanager
    async def turn(self, *, waits_for_disk: bool) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction; what is done in the block is committed once this ends."""
        async with self._turn:
            shared = self._shared
            if shared is None and not waits_for_disk:
                # Nothing to wait for, so nothing to share.
                async with self._begin(waits_for_disk=False) as connection:
                    yield connection
                return
            refusal: Exception | None = None
            if shared is None:
                async with self._first_part() as shared:
                    yield shared.connection
            else:
                try:
                    async with self._part_of(shared):
                        yield shared.connection
                except Exception as error:  # noqa: BLE001 - raised below.
                    refusal = error
            if shared.is_full:
                await self._end(shared)
        await asyncio.shield(shared.committed)
        if refusal is not None:
            # What it was refused for may be another part of the same: now everybody sees that.
            raise refusal

    @asynccontextmanager
    async def _first_part(self) -> AsyncIterator["_Shared"]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._begin(waits_for_disk=True))
            shared = _Shared(connection, stack)
            yield shared
            shared.stack = stack.pop_all()
        self._shared = shared
        # Its turn comes behind those who wait already, and before those who come later.
        shared.ending = asyncio.create_task(self._end_in_turn(shared))

    @asynccontextmanager
    async def _part_of(self, shared: "_Shared") -> AsyncIterator[None]:
        try:
            async with shared.connection.begin_nested():
                yield
        except BaseException as error:
            if not await shared.is_alive():
                # A full disk may have undone all of it, or one that is cancelled in the midst of a
                # statement; what followed would stand by itself.
                self._shared = None
                await shared.fail(error)
            raise
        shared.parts += 1

    async def _end_in_turn(self, shared: "_Shared") -> None:
        async with self._turn:
            await self._end(shared)

    async def _end(self, shared: "_Shared") -> None:
        if self._shared is shared:
            self._shared = None
            # Whoever ends it may be cancelled; what the others did is committed all the same.
            await asyncio.shield(asyncio.ensure_future(shared.commit()))


class _Shared:
    """One transaction of the database. parts: that it holds; committed: done once it is, or fails.

    stack: what ends the transaction, and gives its connection back.
    """

    def __init__(self, connection: AsyncConnection, stack: AsyncExitStack) -> None:
        self.connection = connection
        self.stack = stack
        self.parts = 1
        self._began = asyncio.get_running_loop().time()
        self.ending: asyncio.Task[None] | None = None
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Those who wait for it may all have left.
        self.committed.add_done_callback(asyncio.Future.exception)

    @property
    def is_full(self) -> bool:
        """Whether nobody else is to share it."""
        is_old = asyncio.get_running_loop().time() - self._began >= SHARING_SECONDS
        return is_old or self.parts >= MOST_SHARING

    async def is_alive(self) -> bool:
        """Whether the database has it still."""
        if self.connection.invalidated:
            return False
        driver = (await self.connection.get_raw_connection()).driver_connection
        if isinstance(driver, aiosqlite.Connection):
            return driver.in_transaction
        return driver is not None and bool(driver.is_in_transaction())

    async def fail(self, error: BaseException) -> None:
        """Give it up: all of its parts have failed. One's cancellation cancels nobody else."""
        is_own = isinstance(error, Exception)
        self.committed.set_exception(error if is_own else StorageFailed(_CUT_OFF, is_outside=True))
        await self.stack.__aexit__(type(error), error, error.__traceback__)

    async def commit(self) -> None:
        """Commit all of its parts, and tell those who wait."""
        try:
            await self.stack.aclose()
        except BaseException as error:  # noqa: BLE001 - raised by everybody who shares it.
            self.committed.set_exception(error)
        else:
            self.committed.set_result(None)
