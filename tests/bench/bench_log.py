"""How long a page of the log takes at two million deliveries, filter by filter; and an export.

A page is fifty deliveries and the look whether there are more, in a transaction of its own. Forty
pages are taken one after the other from the newest on, five times over.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from alerts.pipeline.export import export_log
from alerts.store.cipher import Cipher, new_encryption_key
from alerts.store.engine import Store, open_store
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place
from alerts.store.migrate import upgrade
from alerts.store.tables import EPOCH
from tests import databases, servers
from tests.log_rows import Length, app_id, endpoint_id, fill
from tests.store.conftest import MachineClock

LENGTH: Final = Length(events=20_000, told=100, endpoints=2_000, apps=20, tokens=1_000)
QUICK: Final = Length(events=2_000, told=100, endpoints=2_000, apps=20, tokens=1_000)
PAGE, PAGES, TIMES = 50, 40, 5
DAY: Final = timedelta(days=1)

FILTERS: Final = {
    "none": LogFilter(),
    "endpoint": LogFilter(endpoint_id=endpoint_id(7)),
    "state=delivered": LogFilter(state="delivered"),
    "state=dead": LogFilter(state="dead"),
    "state=pending": LogFilter(state="pending"),
    "reason": LogFilter(reason="timeout"),
    "token": LogFilter(token="demo:8"),
    "kind": LogFilter(kind="trader"),
    "code=204": LogFilter(code=204),
    "code=410": LogFilter(code=410),
    "since, until": LogFilter(since=EPOCH + 40 * DAY, until=EPOCH + 41 * DAY),
    "endpoint, state=dead": LogFilter(endpoint_id=endpoint_id(7), state="dead"),
    "endpoint, token": LogFilter(endpoint_id=endpoint_id(7), token="demo:8"),
    "token, state=dead": LogFilter(token="demo:8", state="dead"),
    "token, kind": LogFilter(token="demo:8", kind="trader"),
    "state=dead, reason, since": LogFilter(state="dead", reason="gone", since=EPOCH + 10 * DAY),
    "nothing there": LogFilter(state="dead", reason="paused"),
}
# Of a hundred thousand deliveries, and of three.
APPS: Final = {"all apps": None, "one app": app_id(8), "a small app": app_id(0)}


async def test_pages_of_the_log_on_sqlite(tmp_path: Path, quick: bool) -> None:
    await _measure("SQLite", databases.sqlite_url(tmp_path / "gradebell.db"), quick=quick)


async def test_pages_of_the_log_on_postgresql(
    durable_postgresql: servers.Server, durable_template: str, quick: bool
) -> None:
    with databases.postgresql_database(durable_postgresql, durable_template) as url:
        await _measure("PostgreSQL", url, quick=quick)


async def _measure(name: str, url: str, *, quick: bool) -> None:
    length = QUICK if quick else LENGTH
    await upgrade(url)
    cipher = Cipher([new_encryption_key()])
    async with open_store(url, clock=MachineClock(), cipher=cipher) as store:
        await fill(store, length)
        _say(f"\n{name}: {length.deliveries} deliveries, {length.endpoints} endpoints,")
        _say(f" {length.apps} apps; p50 and p99 of a page in ms\n")
        _say(f"{'':28}{''.join(f'{whose:>18}' for whose in APPS)}\n")
        for asked, wanted in FILTERS.items():
            cells = [_cell(await _pages(store, wanted, app)) for app in APPS.values()]
            _say(f"{asked:28}{''.join(f'{cell:>18}' for cell in cells)}\n")
        await _export(store)


async def _pages(store: Store, wanted: LogFilter, whose: str | None) -> list[float]:
    """Milliseconds of each page."""
    took = []
    for _ in range(TIMES):
        before = None
        for _ in range(PAGES):
            began = time.perf_counter()
            async with store.read() as tx:
                page = await list_deliveries(
                    tx, wanted, app_id=whose, before=before, limit=PAGE + 1
                )
            took.append((time.perf_counter() - began) * 1000)
            if len(page) <= PAGE:
                break
            before = Place(page[PAGE - 1].sequence, page[PAGE - 1].endpoint_id)
    return took


def _cell(took: Sequence[float]) -> str:
    if len(took) < 2:
        return f"{took[0]:.1f}"
    return f"{statistics.median(took):.1f} / {statistics.quantiles(took, n=100)[98]:.1f}"


async def _export(store: Store) -> None:
    """All of one app."""
    before, began, count = _peak(), time.perf_counter(), 0
    async for _ in export_log(LogFilter(), app_id=app_id(8), store=store):
        count += 1
        await asyncio.sleep(0)
    seconds = time.perf_counter() - began
    _say(f"export of one app: {count} deliveries, {count / seconds:.0f}/s,")
    _say(f" {_peak() - before:.0f} MB more memory at the peak\n")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(words: str) -> None:
    sys.stdout.write(words)
