"""What memory a worker takes for ten thousand deliveries, and for a hundred thousand.

Resident memory of `gradebell worker`, looked at every 50 ms until all is delivered; what is owed
was written by another process before it began.
"""

import asyncio
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import databases, servers
from tests.bench.loads import Load, logged
from tests.bench.meters import rss_mb
from tests.bench.runs import Bench, say
from tests.cli.conftest import KEYS
from tests.cli.processes import COMMAND, environment
from tests.workers.installation import opened

ENDPOINTS = 200
FEW, MANY = 50, 500
LOOK_SECONDS = 0.05
ENOUGH_SECONDS = 300


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
async def test_memory_for_more_deliveries(
    database: str,
    scheme: str,
    bench: Bench,
    durable_postgresql: servers.Server,
    durable_template: str,
    tmp_path: Path,
    quick: bool,
) -> None:
    def new() -> AbstractContextManager[str]:
        if database == "SQLite":
            return nullcontext(bench.new_sqlite())
        return databases.postgresql_database(durable_postgresql, durable_template)

    found = []
    for tokens in (FEW, MANY):
        receiver = getattr(bench.receiver, scheme)
        load = Load(receiver, ENDPOINTS, tokens // 10 if quick else tokens)
        with new() as url:
            await asyncio.to_thread(bench.run, "owe", load, url)
            found.append(await _peak(url, load, bench.receiver.authority, tmp_path))
        say(f"  {load.deliveries:6} deliveries: {found[-1]:.0f} MB at the most")

    more = found[1] / found[0] - 1
    say(f"{database}, {scheme}: {found[0]:.0f} MB, then {found[1]:.0f} MB ({more:+.0%})")


async def _peak(url: str, load: Load, authority: str, folder: Path) -> float:
    """The most memory a worker had until all was delivered."""
    trusted = urlsplit(load.receiver).netloc
    settings = {**KEYS, "DATABASE_URL": url, "SOURCE": "none", "TRUSTED_DESTINATIONS": trusted}
    peak = 0.0
    async with opened(settings) as services:
        with (folder / "worker.log").open("w") as log:
            worker = subprocess.Popen(  # noqa: ASYNC220 - it goes on beside us.
                [*COMMAND, "worker"],
                cwd=folder,
                env={**environment(settings), "SSL_CERT_FILE": authority},
                stdout=log,
                stderr=log,
            )
            try:
                async with asyncio.timeout(ENOUGH_SECONDS):
                    rest = 0
                    while rest or (await logged(services))[0] < load.deliveries:
                        # The counting is not to be what is measured.
                        rest = (rest + 1) % 20
                        peak = max(peak, rss_mb(worker.pid))
                        await asyncio.sleep(LOOK_SECONDS)
            finally:
                worker.terminate()
                await asyncio.to_thread(worker.wait)
    return peak
