"""How long it takes to owe one change to a hundred thousand endpoints.

Beside it, in turns and in the same table, one bare `INSERT … SELECT` of as many rows: what the
database alone takes, with no chunks, lanes, ids of ours or checkpoints.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests import databases, servers
from tests.bench.fan_out_side import FanOuts

ENDPOINTS, QUICK_ENDPOINTS = 100_000, 10_000
ROUNDS = 4
RUN_SECONDS = 600


def test_one_change_to_all_on_sqlite(tmp_path: Path, quick: bool) -> None:
    _show("SQLite", _run(databases.sqlite_url(tmp_path / "gradebell.db"), quick=quick))


def test_one_change_to_all_on_postgresql(
    durable_postgresql: servers.Server, durable_template: str, quick: bool
) -> None:
    with databases.postgresql_database(durable_postgresql, durable_template) as url:
        _show("PostgreSQL", _run(url, quick=quick))


def _run(url: str, *, quick: bool) -> FanOuts:
    endpoints = QUICK_ENDPOINTS if quick else ENDPOINTS
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bench.fan_out_side", "--database-url", url),
            *("--endpoints", str(endpoints), "--rounds", str(ROUNDS)),
        ],
        check=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=RUN_SECONDS,
    )
    return FanOuts(**json.loads(done.stdout))


def _show(name: str, found: FanOuts) -> None:
    ours, bare = statistics.median(found.gradebell_ms), statistics.median(found.bare_ms)
    ratios = [a / b for a, b in zip(found.gradebell_ms, found.bare_ms, strict=True)]
    sys.stdout.write(
        f"\n{name}: {found.endpoints} endpoints in {ours:.0f} ms"
        f" ({', '.join(f'{each:.0f}' for each in found.gradebell_ms)};"
        f" CPU of the process {statistics.median(found.cpu_ms):.0f} ms);"
        f" one INSERT … SELECT {bare:.0f} ms"
        f" ({', '.join(f'{each:.0f}' for each in found.bare_ms)});"
        f" ratio {statistics.median(ratios):.1f};"
        f" memory {found.rss_before_mb:.0f} MB before, {found.peak_rss_mb:.0f} MB at the peak\n"
    )
