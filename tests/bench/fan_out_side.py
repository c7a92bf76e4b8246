"""One fan-out after the other, in a process of its own: `python -m tests.bench.fan_out_side …`.

One change to every endpoint by Gradebell, and the same number of delivery rows by one bare
`INSERT … SELECT`, in turns and in the same table. Prints one line of JSON.
"""

import argparse
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, field

from sqlalchemy import text

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.cli.frame import run_loop
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.fan_out import fan_out_events
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.migrate import upgrade
from tests.bench.loads import LOW, push

# Bits of grade.upgraded and grade.downgraded, as subscriptions keep them.
BAND_CHANGES = 3
STEP = 25.0

NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) ",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, :count)) ",
}
ID = {"sqlite": "printf('ep_%026d', i)", "postgresql": "'ep_' || lpad(i::text, 26, '0')"}
EMPTY = {"sqlite": "x''", "postgresql": "''::bytea"}
RANDOM = {
    "sqlite": "lower(hex(randomblob(13)))",
    "postgresql": "left(replace(gen_random_uuid()::text, '-', ''), 26)",
}


@dataclass(slots=True)
class FanOuts:
    """Milliseconds of each turn; memory: what the process held before, and at its peak."""

    endpoints: int
    gradebell_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    rss_before_mb: float = 0.0
    peak_rss_mb: float = 0.0


async def measure(services: Services, endpoints: int, rounds: int) -> FanOuts:
    """`rounds` changes, told to everybody; after each, as many rows by one statement."""
    await push(services, 1, day=0, score=LOW)
    await _make_endpoints(services, endpoints)
    found = FanOuts(endpoints, rss_before_mb=_peak())
    score = LOW
    for number in range(1, rounds + 1):
        score += STEP if number % 2 else -STEP
        await push(services, 1, day=number, score=score)
        began, cpu = time.perf_counter(), time.process_time()
        written = await fan_out_events(store=services.store, waker=services.waker)
        found.gradebell_ms.append((time.perf_counter() - began) * 1000)
        found.cpu_ms.append((time.process_time() - cpu) * 1000)
        if written != endpoints:
            raise RuntimeError(f"{endpoints} were due, {written} written")
        found.bare_ms.append(await _bare(services, number))
    found.peak_rss_mb = _peak()
    return found


async def _make_endpoints(services: Services, count: int) -> None:
    dialect = services.store.engine.dialect.name
    numbers, identity, empty = NUMBERS[dialect], ID[dialect], EMPTY[dialect]
    statements = (
        # ruff: noqa: S608 - put together from the words above, and from nothing else.
        (
            "INSERT INTO endpoints (id, app_id, channel, address, address_hash, description, state,"
            ' state_since, filter, "order", time_to_live_seconds, created_at)'
            f" {numbers}SELECT {identity}, '{HOUSE_APP}', 'webhook', {empty}, {identity}, '',"
            " 'active', 0, '{}', 'none', 259200, 0 FROM n"
        ),
        f"INSERT INTO lanes (endpoint_id) {numbers}SELECT {identity} FROM n",
        (
            "INSERT INTO subscriptions (endpoint_id, kind, types, min_notches, min_delta,"
            f" since_sequence) {numbers}SELECT {identity}, 'trader', {BAND_CHANGES}, 1, 0, 0 FROM n"
        ),
    )
    filters = '{"tokens":null,"kinds":["trader"],"types":[],"min_notches":1,"min_delta":0}'
    async with services.store.write() as tx:
        for statement in statements:
            filled = statement.replace("'{}'", f"'{filters}'").replace('":', '"\\:')
            await tx.connection.execute(text(filled), {"count": count})
    if dialect == "postgresql":
        async with services.store.write() as tx:
            await tx.connection.execute(text("ANALYZE"))


async def _bare(services: Services, number: int) -> float:
    """The same number of delivery rows for an event nobody knows, by one statement."""
    dialect = services.store.engine.dialect.name
    statement = text(
        "INSERT INTO deliveries (id, event_id, endpoint_id, sequence, token, kind, state, trigger,"
        " due_at, expires_at, position, attempts, interruptions, created_at, app_id)"
        f" SELECT 'dlv_' || {RANDOM[dialect]}, 'bare_' || :number, endpoint_id, 1, 'bench:0',"
        f" 'trader', 'pending', 'schedule', 1, 2, 0, 0, 0, 1, '{HOUSE_APP}' FROM subscriptions"
    )
    if dialect == "sqlite":
        statement = text(str(statement).replace(" trigger,", ' "trigger",'))
    began = time.perf_counter()
    async with services.store.write() as tx:
        await tx.connection.execute(statement, {"number": str(number)})
    return (time.perf_counter() - began) * 1000


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _run(arguments: argparse.Namespace) -> None:
    await upgrade(arguments.database_url)
    settings = Settings.model_validate(
        {
            "database_url": arguments.database_url,
            "admin_key": "a" * 20,
            "encryption_keys": new_encryption_key(),
            "source": "none",
        }
    )
    telemetry.configure(settings.log_format, settings.log_level)
    async with open_services(settings) as services:
        found = await measure(services, arguments.endpoints, arguments.rounds)
    sys.stdout.write(f"{json.dumps(asdict(found))}\n")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    run_loop(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
