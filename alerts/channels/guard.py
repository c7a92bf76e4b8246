"""The outbound guard: what a name resolves to, and the socket that is opened, must be public.

The resolver judges names; the socket factory judges the final address of every connection,
addresses written in the URL included, and has the last word. Between the two nothing is looked
up again, so a name cannot change its mind.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Final

from alerts.channels.networks import Address, Trusted, forbidden

# A blocking look-up: all addresses of a name; raises OSError where there are none.
Lookup = Callable[[str], Sequence[str]]

# Where a socket leads, as `socket.getaddrinfo` says it: family, kind, protocol, name, where.
Target = tuple[int, int, int, str, tuple[str | int, ...]]

# Names looked up at once, a thread each: twice what a worker has in flight (128 lanes × 4),
# so that names which hang, one thread each, do not keep a healthy one waiting.
LOOKUPS_MAX: Final = 1024
# Seconds a name that could not be looked up is not asked for again: less than the five before a
# second attempt, which is to find out for itself.
FAILED_SECONDS: Final = 3.0


class BlockedAddress(OSError):
    """A destination we do not connect to; the message says what it is, never where.

    Where a name of somebody's network leads is none of an endpoint owner's business.
    An OSError, as for a destination that cannot be reached.
    """


class Guard:
    """The judge both look to. Trusted destinations pass."""

    def __init__(self, trusted: Trusted) -> None:
        self._trusted = trusted
        self._vouched_for: dict[tuple[str, int], frozenset[Address]] = {}

    def admit(self, host: str, port: int, addresses: Sequence[Address]) -> None:
        """Return if a name with these addresses may be connected to: all of them are allowed.

        Raises BlockedAddress if any is not: one public address does not excuse a private one.
        """
        if self._trusted.has(host, port):
            self._vouched_for[host, port] = frozenset(addresses)
            return
        for address in addresses:
            reason = forbidden(address)
            if reason and not self._trusted.has_address(address, port):
                raise BlockedAddress(f"the name leads to an address that is {reason}")

    def open_socket(self, target: Target) -> socket.socket:
        """A socket for this address and no other use. Raises BlockedAddress if it is forbidden."""
        family, kind, protocol, _, where = target
        address, port = ip_address(str(where[0])), int(where[1])
        reason = forbidden(address)
        if reason and not self._may_be_reached(address, port):
            raise BlockedAddress(f"the address is {reason}")
        return socket.socket(family, kind, protocol)

    def _may_be_reached(self, address: Address, port: int) -> bool:
        return self._trusted.has_address(address, port) or any(
            port == vouched_port and address in addresses
            for (_, vouched_port), addresses in self._vouched_for.items()
        )


class GuardedResolver:
    """Names to addresses, judged as a whole.

    A name is looked up once at a time, whoever asks meanwhile waits for the same answer, and a
    failure is remembered for `failed_seconds`: a bad name costs one thread, however many deliveries
    go there.
    """

    def __init__(
        self, guard: Guard, lookup: Lookup, *, failed_seconds: float = FAILED_SECONDS
    ) -> None:
        self._guard = guard
        self._lookup = lookup
        self._failed_seconds = failed_seconds
        self._free = asyncio.Semaphore(LOOKUPS_MAX)
        self._asked: dict[str, asyncio.Task[Sequence[str]]] = {}
        # Until when (the loop's time) each is not asked for again, the oldest failure first.
        self._failed: dict[str, float] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """All addresses of the name, without those that came twice.

        Raises BlockedAddress, or OSError where there are none.
        """
        self._forget_old_failures()
        if host in self._failed:
            raise OSError(f"{host} had no address a moment ago")
        # One who gives up waiting does not end the look-up for the others.
        found = await asyncio.shield(self._asked.get(host) or self._ask(host))
        addresses = [ip_address(text) for text in dict.fromkeys(found)]
        self._guard.admit(host, port, addresses)
        return addresses

    async def close(self) -> None:
        """Wait for nothing: threads that still hang end with their look-up, or with the process."""
        for task in self._asked.values():
            task.cancel()

    def _ask(self, host: str) -> asyncio.Task[Sequence[str]]:
        task = asyncio.get_running_loop().create_task(self._addresses(host))
        self._asked[host] = task
        task.add_done_callback(partial(self._answered, host))
        return task

    async def _addresses(self, host: str) -> Sequence[str]:
        async with self._free:
            found = await _in_a_thread(self._lookup, host)
        if not found:
            raise OSError(f"{host} has no address")
        return found

    def _answered(self, host: str, task: asyncio.Task[Sequence[str]]) -> None:
        del self._asked[host]
        if not task.cancelled() and task.exception() is not None:
            self._failed[host] = task.get_loop().time() + self._failed_seconds

    def _forget_old_failures(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._failed:
            host = next(iter(self._failed))
            if self._failed[host] > now:
                return
            del self._failed[host]


async def _in_a_thread(lookup: Lookup, host: str) -> Sequence[str]:
    """What the look-up says, from a daemon thread: one that hangs does not hold up the exit.

    The threads of an executor are waited for when the interpreter ends, hanging or not.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def tell(found: Sequence[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def run() -> None:
        found: Sequence[str] = []
        failure = None
        try:
            found = lookup(host)
        except Exception as error:  # noqa: BLE001  raised again, where it is waited for
            failure = error
        # The loop may have ended meanwhile, and nobody wants to know any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, found, failure)

    threading.Thread(target=run, name=f"lookup {host}", daemon=True).start()
    return await answer


def system_lookup(host: str) -> list[str]:
    """What the operating system says; address families this machine has none of are left out."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(where[0]) for *_, where in found]
