"""SQLite without room for another page: what is new is refused, what is owed stays owed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from sqlalchemy import Connection, event

from alerts.api.app import create_app
from alerts.bootstrap import Services
from alerts.serving import open_server
from alerts.store.tables import attempts
from tests.api.conftest import NO_TLS
from tests.chaos.scene import (
    PATIENCE_SECONDS,
    all_ended,
    assert_nothing_is_lost,
    delivered,
    settings_of,
)
from tests.cli.conftest import KEYS
from tests.receiver import Receiver, Reply
from tests.workers.installation import SCORES, SOURCE, opened, push, subscribe
from workers.inline import run_clock
from workers.worker import work

ENDPOINTS = 4
TOKENS = 60
ROOMY = 2**30
AUTHORIZED = {"authorization": f"Bearer {KEYS['ADMIN_KEY']}"}


@dataclass(slots=True)
class Disk:
    """How many pages the database may have; each connection is told as it begins."""

    pages: int = ROOMY

    def tell(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={self.pages}")


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[str]:
    """A worker and an API on these services; the API's address."""
    stop = asyncio.Event()
    running = asyncio.create_task(work(services, stop, run_clock))
    try:
        async with open_server(create_app(services)) as url:
            yield url
    finally:
        stop.set()
        await running


async def test_a_full_disk_refuses_what_is_new_and_loses_nothing_that_is_owed(
    sqlite_url: str,
) -> None:
    gate = asyncio.Event()
    disk = Disk()
    async with Receiver() as receiver:
        receiver.script("*", Reply(held=gate))
        more = {"LEASE_SECONDS": "45", "SEND_DEADLINE_SECONDS": "15"}
        async with opened(settings_of(sqlite_url, receiver, more)) as services:
            event.listen(services.store.engine.sync_engine, "begin", disk.tell)
            await subscribe(services, receiver, ENDPOINTS)
            await push(services, 0, tokens=TOKENS)
            with structlog.testing.capture_logs() as lines:
                async with working(services) as url:
                    await push(services, 1, tokens=TOKENS)
                    await receiver.wait_for(ENDPOINTS * 4, within_seconds=PATIENCE_SECONDS)
                    disk.pages = 1  # as many as there are: a smaller limit is raised to that
                    gate.set()
                    await until_full(lines)
                    refused = await push_through(url, day=2)
                    settled, logged = await delivered(services), await logged_deliveries(services)

                    disk.pages = ROOMY
                    accepted = await push_through(url, day=2)
                    await all_ended(services)
            repeats = await assert_nothing_is_lost(services, receiver, owed=2 * ENDPOINTS * TOKENS)

    problem = refused.json()
    assert refused.status_code == 503
    assert problem["type"].endswith("storage-failed")
    assert refused.headers["retry-after"]
    assert settled <= logged
    assert accepted.status_code == 201
    assert repeats == 0


async def until_full(lines: list[Any]) -> None:
    """Return once an answer could not be written for want of room."""

    def is_full() -> bool:
        failed = [line for line in lines if line.get("job") == "settle"]
        return any("full" in str(line["problem"]) for line in failed)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_full():  # noqa: ASYNC110 - the worker's doing.
            await asyncio.sleep(0.02)


async def push_through(url: str, *, day: int) -> httpx.Response:
    """A day's cycle by the API."""
    body = {
        "source": str(SOURCE),
        "kind": "trader",
        "as_of": f"2026-03-{day + 1:02}T00:00:00Z",
        "complete": True,
        "grades": [
            {
                "token_id": str(token),
                "symbol": f"T{token}",
                "name": "n" * 60,
                "score": SCORES[day % len(SCORES)],
            }
            for token in range(TOKENS)
        ],
    }
    async with httpx.AsyncClient(verify=NO_TLS, timeout=30, headers=AUTHORIZED) as client:
        return await client.post(f"{url}/v1/cycles", json=body)


async def logged_deliveries(services: Services) -> set[str]:
    """Deliveries with an attempt in the log."""
    async with services.store.read() as tx:
        found = await tx.connection.execute(attempts.select())
        return {row.delivery_id for row in found}
