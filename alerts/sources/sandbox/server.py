"""The sandbox as a server of its own, or as a guest of a running event loop."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date

from starlette.types import ASGIApp

from alerts.ports import Clock
from alerts.serving import open_server, serve
from alerts.sources.sandbox.address import DEFAULT_PORT, SANDBOX_KEY
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.roster import DEFAULT_SIZE, OPENING


async def serve_sandbox(
    *,
    clock: Clock,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    seed: int = 1,
    tokens: int = DEFAULT_SIZE,
    today: date = OPENING,
    day_seconds: float = 0,
    dated: bool = True,
    api_key: str = SANDBOX_KEY,
    profile: ProfileName = ProfileName.V2_2025_08,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Raises InvalidInput naming the argument at fault.

    port: 0 takes a free one. tokens: how many. today: the virtual day to begin with.
    day_seconds: real seconds a virtual day lasts; 0: days pass on request only.
    on_ready: told the base URL once connections are taken.
    """
    virtual = VirtualClock(clock=clock, today=today, day_seconds=day_seconds)
    market = Market(seed=seed, size=tokens)
    app = create_sandbox(
        market=market, clock=virtual, api_key=api_key, dated=dated, profile=profile
    )
    await serve(app, host=host, port=port, on_ready=on_ready, dates=False)


def open_sandbox(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0
) -> AbstractAsyncContextManager[str]:
    """Serve `app` beside the caller, on the same loop; the value is its base URL.

    Signals stay the caller's. Raises InvalidInput when the port cannot be had.
    """
    return open_server(app, host=host, port=port, dates=False)
