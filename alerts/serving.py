"""One application on one port: by itself until a signal comes, or as a guest of a running loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from alerts.errors import InvalidInput

# Requests under way may end within this time when a server stops.
DRAIN_SECONDS: Final = 2
# And what is cut off then is given this long to end.
CANCEL_SECONDS: Final = 1
# uvicorn's own pace: every tenth tick it sets the date that its answers bear.
TICK_SECONDS: Final = 0.1
CLOSING_SECONDS: Final = 0.002


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None] | None = None,
    dates: bool = True,
) -> None:
    """Serve until SIGINT or SIGTERM. Raises InvalidInput when the port cannot be had.

    port: 0 takes a free one. on_ready: told the base URL once connections are taken.
    dates: whether the server dates the answers, where the application does not.
    """
    with _listening(host, port) as (listener, url):
        if on_ready is not None:
            on_ready(url)
        await uvicorn.Server(_config(app, dates=dates)).serve(sockets=[listener])


@asynccontextmanager
async def open_server(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, dates: bool = True
) -> AsyncIterator[str]:
    """Serve `app` beside the caller, on the same loop; the value is its base URL.

    dates: as in `serve`.
    Signals stay the caller's. Raises InvalidInput when the port cannot be had.
    """
    with _listening(host, port) as (listener, url):
        guest = _Guest(_config(app, dates=dates))
        serving = asyncio.create_task(guest.serve(sockets=[listener]))
        await guest.is_ready.wait()
        try:
            yield url
        finally:
            guest.end()
            await serving


class _Guest(uvicorn.Server):
    """A server that leaves the process's signals alone and ends as soon as it is told to.

    uvicorn's own looks for the end ten times a second, and ten times a second for what is left.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = asyncio.Event()
        self._is_ending = asyncio.Event()

    def end(self) -> None:
        """Take no more connections, answer what is under way, be gone."""
        self.should_exit = True
        self._is_ending.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._is_ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                # uvicorn tells nobody when the last one is gone.
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(CLOSING_SECONDS)
        # Who is not answered by now is hung up on: a caller who takes nothing keeps no socket open.
        left = list(self.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def _config(app: ASGIApp, *, dates: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nobody's word is taken for where a call comes from
        server_header=False,
        date_header=dates,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket that takes connections already, and the URL it is reached by."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise InvalidInput("port", f"cannot listen on {host}:{port}: {error}") from None
    with listener:
        # asyncio does this only for sockets that name their protocol, which this one does not;
        # accepted connections inherit it. Without it every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        yield listener, f"http://{shown}:{listener.getsockname()[1]}"
