"""A receiver that answers 204 to everything, as fast as Python can.

`python -m tests.bench.raw_receiver PEM PORT TLS_PORT CLOSING_PORT CLOSING_TLS_PORT`. It counts
blank lines and content lengths, no more: for loads of our own making. Paths that begin with /fails
are answered 500, those that begin with /bot as Telegram does, and the last two ports close each
connection after one answer.
"""

import asyncio
import re
import ssl
import sys
from functools import partial
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
FAILURE = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
MESSAGE = '{"ok":true,"result":{"message_id":1}}'
STORED = f"HTTP/1.1 200 OK\r\ncontent-length: {len(MESSAGE)}\r\n\r\n{MESSAGE}".encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answering(asyncio.Protocol):
    """One connection. closes: after its first answer."""

    def __init__(self, *, closes: bool = False) -> None:
        self._closes = closes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's word for it."""
        # uvloop's transports write, but do not inherit from asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            request, self._buffer = self._buffer[:whole], self._buffer[whole:]
            self._transport.write(self.answer(request))
            if self._closes:
                self._transport.close()

    def answer(self, request: bytes) -> bytes:
        """What is said to a request, nothing if nothing is."""
        if request.startswith(b"POST /bot"):
            return STORED
        return FAILURE if request.startswith(b"POST /fails") else ANSWER


async def serve(pem: str, ports: list[int]) -> None:
    """Answer until the process is ended."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    served = [
        await loop.create_server(
            partial(Answering, closes=place > 1), "127.0.0.1", port, ssl=tls if place % 2 else None
        )
        for place, port in enumerate(ports)
    ]
    await asyncio.gather(*(each.serve_forever() for each in served))


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], [int(port) for port in sys.argv[2:]]))
