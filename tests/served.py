"""What a test's own HTTP servers share: a free loopback port, for as long as a block lasts."""

import ssl
from types import TracebackType
from typing import Self

from aiohttp import web


class Served:
    """A server. runner: what it runs. tls: https with this context. port: 0 is any."""

    def __init__(self, runner: web.BaseRunner, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._runner = runner
        self._tls = tls

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
