"""libcurl's transfers, driven by the running loop: what pycurl's own driver does, for less.

One selector watches all sockets and is itself watched by the loop. A kept connection stays in it
between transfers, so a request on one costs no registration; all that became ready is driven in
one go, and so is all that was begun since.
"""

import asyncio
import math
import selectors
from asyncio import CancelledError, Future, TimerHandle
from typing import Any, Final

import pycurl

_IN: Final = int(pycurl.POLL_IN)
_OUT: Final = int(pycurl.POLL_OUT)
_INOUT: Final = int(pycurl.POLL_INOUT)

# How a transfer ended, if not well: libcurl's error and its words.
Fault = tuple[int, str]


class Driver:
    """Performs transfers on the loop it was made in."""

    def __init__(self, *, kept_connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._want)
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept_connections)
        self._selector = selectors.DefaultSelector()
        self._loop.add_reader(self._selector.fileno(), self._drive_ready)
        self._going: dict[Any, Future[Fault | None]] = {}
        # What libcurl waits for now, by descriptor, and what the selector looks for.
        self._wanted: dict[int, int] = {}
        self._watched: dict[int, int] = {}
        self._is_called = False
        self._timer: TimerHandle | None = None
        self._due = math.inf

    async def perform(self, curl: Any) -> Fault | None:  # noqa: ANN401 - pycurl has no types.
        """Do one transfer; None if it went well."""
        ended: Future[Fault | None] = self._loop.create_future()
        self._multi.add_handle(curl)
        self._going[curl] = ended
        self._call()
        try:
            return await ended
        except CancelledError:
            if self._going.pop(curl, None) is not None:
                self._multi.remove_handle(curl)
            raise

    def forget(self, descriptor: int) -> None:
        """Watch this socket no longer. libcurl closes kept ones untold: say so of every new one."""
        if self._watched.pop(descriptor, 0):
            self._selector.unregister(descriptor)

    def close(self) -> None:
        """End what is going, and close all connections."""
        for curl, ended in self._going.items():
            self._multi.remove_handle(curl)
            ended.cancel()
        self._going.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._selector.fileno())
        self._multi.close()
        self._selector.close()

    def _want(self, what: int, descriptor: int, _multi: object, _assigned: object) -> None:
        if what not in (_IN, _OUT, _INOUT):
            # Still watched: most often the next request waits for the same.
            self._wanted.pop(descriptor, None)
            return
        self._wanted[descriptor] = what
        watched = self._watched.get(descriptor, 0)
        if watched == what:
            return
        if watched:
            self._selector.modify(descriptor, what)
        else:
            self._selector.register(descriptor, what)
        self._watched[descriptor] = what

    def _drive_ready(self) -> None:
        for key, events in self._selector.select(0):
            if key.fd in self._wanted:
                self._act(key.fd, events)
            else:
                # A kept connection's end, or bytes nobody asked for: libcurl sees it when it must.
                self.forget(key.fd)
        self._drive()

    def _call(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._loop.call_soon(self._drive_called)

    def _drive_called(self) -> None:
        self._is_called = False
        self._drive()

    def _drive_due(self) -> None:
        self._due = math.inf
        self._drive()

    def _drive(self) -> None:
        """Begin what is new, end what is over, and be called when the next deadline comes."""
        if self._act(pycurl.SOCKET_TIMEOUT, 0) < len(self._going):
            self._end()
        wait = self._multi.timeout()
        if wait == 0:
            self._call()
            return
        due = self._loop.time() + wait / 1000
        if wait > 0 and due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_at(due, self._drive_due)

    def _act(self, descriptor: int, events: int) -> int:
        """Returns how many transfers run. Reading and writing have the selector's numbers."""
        try:
            _, running = self._multi.socket_action(descriptor, events)
        except pycurl.error:
            # Of the whole, which says nothing more of any transfer: none may wait for ever.
            for curl in list(self._going):
                self._tell(curl, (pycurl.E_FAILED_INIT, "libcurl failed"))
            return 0
        return int(running)

    def _end(self) -> None:
        _, done, failed = self._multi.info_read()
        for curl in done:
            self._tell(curl, None)
        for curl, code, words in failed:
            self._tell(curl, (code, words))

    def _tell(self, curl: Any, fault: Fault | None) -> None:  # noqa: ANN401
        ended = self._going.pop(curl)
        self._multi.remove_handle(curl)
        if not ended.done():
            ended.set_result(fault)
