"""A platform of the tests' own on a loop in a thread, for commands run on loops of theirs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.served import Served


@contextmanager
def in_a_thread(double: Served) -> Iterator[None]:
    """Serve it for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(double.__aenter__(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(double.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
