"""An upstream on loopback that says what it is told to, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.sources.wire import answer, page, tm_row


@dataclass
class RawUpstream:
    """It answers every connection with `says`, and closes it; None: it says nothing at all.

    requests: the heads as they came. together: what so many ask at a time is answered then.
    """

    says: bytes | None = None
    requests: list[str] = field(default_factory=list)
    url: str = ""
    together: asyncio.Barrier | None = None

    def grades(self, grades: Mapping[int, object], *headers: str, **extra: object) -> None:
        """From now on a page of these trader grades, by token; extra: the same on every row."""
        rows = [tm_row(token, grade, **extra) for token, grade in grades.items()]
        self.says = answer(page(*rows), *headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.together is not None:
                await self.together.wait()
            if self.says is None:
                await reader.read()
            else:
                writer.write(self.says)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def open_raw() -> AsyncIterator[RawUpstream]:
    """It listens until the end of the block."""
    upstream = RawUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
