"""A receiver that answers 204 to everything, as fast as Python can.

`python -m tests.bench.raw_receiver PORT TLS_PORT PEM`. It counts blank lines and content lengths,
no more: for loads of our own making.
"""

import asyncio
import re
import ssl
import sys
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answering(asyncio.Protocol):
    """One connection."""

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
            self._buffer = self._buffer[whole:]
            self._transport.write(ANSWER)


async def serve(port: int, tls_port: int, pem: str) -> None:
    """Answer until the process is ended."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Answering, "127.0.0.1", port)
    secure = await loop.create_server(Answering, "127.0.0.1", tls_port, ssl=tls)
    await asyncio.gather(plain.serve_forever(), secure.serve_forever())


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
