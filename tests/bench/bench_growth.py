"""What a delivery costs when the log is long: on 10,000, 100,000 and 1,000,000 deliveries.

The log is that of the endpoints that are sent to, attempts and all, written by the database itself.
Processor seconds of the client and of PostgreSQL for the same load on top of each length.
"""

from dataclasses import replace

from sqlalchemy import text

from alerts.store.cipher import Cipher
from alerts.store.engine import open_store
from tests import databases, servers
from tests.bench.loads import Load
from tests.bench.log_growth import lengthen
from tests.bench.runs import Bench, Run, say
from tests.cli.conftest import ENCRYPTION_KEY
from tests.store.conftest import MachineClock

ENDPOINTS = 200
TOKENS = 100
LENGTHS = (10_000, 100_000, 1_000_000)


def test_cost_of_a_delivery_by_the_length_of_the_log_on_sqlite(bench: Bench, quick: bool) -> None:
    _measure(bench, "SQLite", bench.new_sqlite(), server=None, quick=quick)


def test_cost_of_a_delivery_by_the_length_of_the_log_on_postgresql(
    bench: Bench, durable_postgresql: servers.Server, durable_template: str, quick: bool
) -> None:
    with databases.postgresql_database(durable_postgresql, durable_template) as url:
        _measure(bench, "PostgreSQL", url, server=durable_postgresql, quick=quick)


def _measure(
    bench: Bench, name: str, url: str, *, server: servers.Server | None, quick: bool
) -> None:
    tenth = 10 if quick else 1
    load = Load(bench.receiver.http, ENDPOINTS, TOKENS // tenth)
    bench.run("prepare", load, url)
    runs: list[Run] = []
    for day, length in enumerate(LENGTHS, start=1):
        there = databases.wait_for(_lengthened(url, length // tenth))
        runs.append(bench.run("gradebell", replace(load, day=day), url, name=name, server=server))
        say(f"  on {there:7} deliveries: {runs[-1]}")
    for length, run in zip(LENGTHS, runs, strict=True):
        share = run.cpu_per_10k / runs[0].cpu_per_10k
        say(f"{name}, on {length // tenth}: {share:.2f} of the CPU on {LENGTHS[0] // tenth}")


async def _lengthened(url: str, deliveries: int) -> int:
    """How many deliveries are in the log now: at least so many."""
    async with open_store(url, clock=MachineClock(), cipher=Cipher([ENCRYPTION_KEY])) as store:
        async with store.engine.connect() as connection:
            count = "SELECT count(*) FROM deliveries"
            there = int((await connection.execute(text(count))).scalar_one())
        await lengthen(store, max(0, deliveries - there))
        return max(there, deliveries)
