"""The webhook channel: connections that are kept, and how they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from alerts.channels.http import Exchange, HttpClient, open_http
from alerts.channels.networks import Trusted
from alerts.domain.deliveries import Reason
from tests.channels.raw import serve

Loop = Callable[[], asyncio.AbstractEventLoop]


class _Server:
    """Answers one request a connection, and then does what the test says.

    ready: released when that is done, of what is done without another request.
    """

    def __init__(self, after: str, *, headers: bytes = b"") -> None:
        self.requests = 0
        self.ready = asyncio.Semaphore(0)
        self._after = after
        self._answer = b"HTTP/1.1 204 No Content\r\n" + headers + b"\r\n"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._read(reader)
        writer.write(self._answer)
        if self._after == "hang up":
            writer.close()
            await writer.wait_closed()
            self.ready.release()
            return
        if self._after == "stray bytes":
            writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            await writer.drain()
            self.ready.release()
        await self._read(reader)
        if self._after == "half an answer":
            writer.write(b"HTTP/1.1 2")
            await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        self.requests += 1


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[HttpClient]:
    trusted = Trusted.parse(f"127.0.0.1:{port}")
    async with open_http(
        deadline_seconds=5, trusted=trusted, lookup=lambda _: ["127.0.0.1"]
    ) as http:
        yield http


@pytest.mark.parametrize("host", ["127.0.0.1", "receiver.example"])
@pytest.mark.parametrize("after", ["nothing", "half an answer"])
async def test_a_request_lost_with_its_kept_connection_is_not_said_again(
    host: str, after: str
) -> None:
    server = _Server(after)
    async with serve(server.talk) as port, _client(port) as http:
        first = await http.post(f"http://{host}:{port}/", {}, b"{}")
        second = await http.post(f"http://{host}:{port}/", {}, b"{}")

    assert first.status == 204
    assert second.failure is not None
    assert second.failure.reason is Reason.CONNECTION
    assert server.requests == 2


async def test_a_second_kept_connection_is_no_reason_to_say_a_lost_request_again() -> None:
    server = _Server("nothing")
    async with serve(server.talk) as port, _client(port) as http:
        url = f"http://127.0.0.1:{port}/"
        pair = await asyncio.gather(*(http.post(url, {}, b"{}") for _ in range(2)))
        lost = await http.post(url, {}, b"{}")

    assert [exchange.status for exchange in pair] == [204, 204]
    assert lost.failure is not None
    assert server.requests == 3


@pytest.mark.parametrize("after", ["hang up", "stray bytes"])
async def test_what_came_by_an_idle_connection_ends_it_before_a_request_is_written(
    after: str,
) -> None:
    server = _Server(after)
    statuses = []
    async with serve(server.talk) as port, _client(port) as http:
        url = f"http://receiver.example:{port}/"
        for _ in range(5):
            wave = await asyncio.gather(*(http.post(url, {}, b"{}") for _ in range(4)))
            statuses += [exchange.status for exchange in wave]
            async with asyncio.timeout(10):
                for _ in wave:
                    await server.ready.acquire()

    assert statuses == [204] * 20
    assert server.requests == 20


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_connections_that_come_and_go_are_not_taken_for_one_another(new_loop: Loop) -> None:
    async def scene() -> list[Exchange]:
        server = _Server("hang up", headers=b"Connection: close\r\n")
        async with serve(server.talk) as port, _client(port) as http:
            url = f"http://127.0.0.1:{port}/"

            async def some() -> list[Exchange]:
                return [await http.post(url, {}, b"{}") for _ in range(50)]

            found = await asyncio.gather(*(some() for _ in range(8)))
        return [exchange for each in found for exchange in each]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        exchanges = runner.run(scene())

    assert [exchange.failure for exchange in exchanges] == [None] * 400
