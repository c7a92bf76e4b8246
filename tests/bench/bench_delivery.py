"""How fast deliveries are made, from the push of a cycle to the last settled attempt.

Sides are processes of their own and take turns, for the machine's speed drifts: the same bodies by
aiohttp alone, by Gradebell's client alone, and by Gradebell on either database. What counts are
ratios within a round. On kept connections, and with a new one for each delivery: a receiver that
closes after its answer.
"""

from functools import partial

import pytest

from tests import databases, servers
from tests.bench.loads import Load
from tests.bench.runs import Bench, Run, ratios, say

ROUNDS = 3
ENDPOINTS = 300
# Events to each endpoint; a connection with TLS costs some milliseconds of each side's.
TOKENS = {"http": 200, "https": 200, "closing_http": 100, "closing_https": 20}
MODES = {
    "http": "kept connections",
    "https": "kept connections, TLS",
    "closing_http": "a new connection for each delivery",
    "closing_https": "a new connection for each delivery, TLS",
}
BARE, CLIENT, SQLITE, POSTGRESQL = "aiohttp alone", "client alone", "SQLite", "PostgreSQL"


@pytest.mark.parametrize("mode", MODES)
def test_deliveries_end_to_end(
    mode: str,
    bench: Bench,
    durable_postgresql: servers.Server,
    durable_template: str,
    quick: bool,
) -> None:
    tokens = TOKENS[mode] // 10 if quick else TOKENS[mode]
    load = Load(getattr(bench.receiver, mode), ENDPOINTS, tokens)
    rounds: list[dict[str, Run]] = []

    def on_sqlite(name: str, side: str) -> Run:
        return bench.run(side, load, bench.new_sqlite(), name=name)

    def on_postgresql(name: str, side: str) -> Run:
        with databases.postgresql_database(durable_postgresql, durable_template) as url:
            return bench.run(side, load, url, name=name, server=durable_postgresql)

    sides = [
        partial(on_sqlite, BARE, "bare"),
        partial(on_sqlite, CLIENT, "client"),
        partial(on_sqlite, SQLITE, "gradebell"),
        partial(on_postgresql, POSTGRESQL, "gradebell"),
    ]
    for number in range(ROUNDS):
        say(f"{MODES[mode]}: {load.deliveries} deliveries, round {number + 1}")
        runs = []
        for side in sides[number:] + sides[:number]:
            runs.append(side())
            say(f"  {runs[-1]}")
        rounds.append({run.side: run for run in runs})

    for of in (BARE, CLIENT):
        for name in (CLIENT, SQLITE, POSTGRESQL):
            if name != of:
                say(f"{name} of {of}: {ratios(rounds, name, of)}")
