"""Receivers that answer to do harm, all at once: others are served, memory stays, all ends.

What is made of each such answer is in tests/channels; here it is a whole worker that meets them.
"""

import asyncio
import gzip
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.store.tables import attempts
from tests.channels.raw import Talk, says, says_and_repeats, says_nothing, serve
from tests.chaos.scene import IS_LONG, all_ended, settings_of, tell, worker
from tests.receiver import Receiver
from tests.workers.installation import opened, push, states, subscribe

EACH = 10 if IS_LONG else 2
# One less than opens a breaker: every delivery is to meet its receiver.
TOKENS = 4
DEADLINE_SECONDS = 1.0
# What a worker may take for some dozens of connections, each with its buffers.
GROWTH_BYTES = 96 * 2**20
OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\x00" * 50_000_000)


async def half_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that nothing will be said, and go on listening."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()
    while await reader.read(65536):
        pass


NASTY: Mapping[str, Talk] = {
    "drips": says_and_repeats(OK + b"Content-Length: 100000\r\n\r\n", b"x", every_seconds=0.05),
    "never ends": says_and_repeats(OK + b"\r\n", b"x" * 65536),
    "never ends its headers": says_and_repeats(OK, b"X-A: " + b"a" * 8000 + b"\r\n"),
    "bombs": says(OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB),
    "half closes": half_closed,
    "says nothing": says_nothing,
}


def memory(pid: int, name: str) -> int:
    """Bytes of a process: VmRSS now, VmHWM at most so far."""
    said = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", said, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
async def test_nasty_receivers_take_neither_time_nor_memory_from_anybody(
    postgresql_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        ports = [
            await stack.enter_async_context(serve(talk))
            for talk in NASTY.values()
            for _ in range(EACH)
        ]
        trusted = ",".join([receiver.destination, *(f"127.0.0.1:{port}" for port in ports)])
        more = {"TRUSTED_DESTINATIONS": trusted, "RETRY_SCHEDULE_SECONDS": "0"}
        settings = settings_of(postgresql_url, receiver, more)
        services = await stack.enter_async_context(opened(settings))
        await subscribe(services, receiver, 2)
        for port in ports:
            await create_webhook(HOUSE_APP, f"http://127.0.0.1:{port}/", Wish(), desk=services.desk)
        await push(services, 0, tokens=TOKENS)
        with worker(settings, tmp_path) as program:
            await asyncio.to_thread(program.wait_for, "worker.started")
            before = memory(program.process.pid, "VmRSS")
            await push(services, 1, tokens=TOKENS)
            await all_ended(services)
            grown = memory(program.process.pid, "VmHWM") - before
        ended, longest = await states(services), await longest_attempt(services)

    tell("nasty receivers", endpoints=len(ports), longest_s=longest, grown_mib=grown >> 20, **ended)
    assert len({one.headers["gradebell-delivery"] for one in receiver.requests}) == 2 * TOKENS
    assert set(ended) <= {"delivered", "dead"}
    assert sum(ended.values()) == (2 + len(ports)) * TOKENS
    assert longest < DEADLINE_SECONDS + 10
    assert grown < GROWTH_BYTES


async def longest_attempt(services: Services) -> float:
    """Seconds."""
    async with services.store.read() as tx:
        found = await tx.connection.execute(select(attempts.c.started_at, attempts.c.ended_at))
        return float(max((row.ended_at - row.started_at).total_seconds() for row in found))
