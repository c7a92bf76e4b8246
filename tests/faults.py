"""What goes wrong with a platform of the tests' own, on demand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")


class HungUp(Exception):
    """The connection is cut instead of an answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the next request that takes effect.

    status: answered instead; None hangs up without a word.
    after_effect: it takes effect first. held: not before this event is set.
    """

    status: int | None = None
    after_effect: bool = False
    held: asyncio.Event | None = None
    body: bytes = b"<html>upstream connect error</html>"
    headers: Mapping[str, str] | None = None


@dataclass(slots=True)
class Faults:
    """Those that are still to come, in their order."""

    coming: list[Fault] = field(default_factory=list)

    async def meet(self, take_effect: Callable[[], Awaitable[T]]) -> T | web.Response:
        """What `take_effect` gives, unless a fault is due. Raises HungUp, and what that raises."""
        fault = self.coming.pop(0) if self.coming else None
        if fault is None:
            return await take_effect()
        if fault.after_effect:
            await take_effect()
        if fault.held is not None:
            await fault.held.wait()
        if fault.status is None:
            raise HungUp
        return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
