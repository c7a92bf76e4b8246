"""One worker and two on one PostgreSQL: what more of them bring, and what is in their way.

Each dispatches what is owed already, in a process of its own that may run on any processor. With
two processors, on which the receiver and the database run as well, two workers cannot be twice as
fast: the shares tell what was left for them.
"""

import statistics

from tests import databases, servers
from tests.bench.loads import Load
from tests.bench.runs import Bench, Run, say

ROUNDS = 3
ENDPOINTS = 600
TOKENS, QUICK_TOKENS = 100, 10


def test_two_workers_beside_one(
    bench: Bench, durable_postgresql: servers.Server, durable_template: str, quick: bool
) -> None:
    tokens = QUICK_TOKENS if quick else TOKENS
    load = Load(bench.receiver.http, ENDPOINTS, tokens)
    runs: dict[int, list[Run]] = {1: [], 2: []}

    for number in range(ROUNDS):
        say(f"{load.deliveries} deliveries owed on PostgreSQL, round {number + 1}")
        for count in (1, 2) if number % 2 else (2, 1):
            with databases.postgresql_database(durable_postgresql, durable_template) as url:
                bench.run("owe", load, url)
                name = f"{count} dispatching"
                run = bench.run(
                    "dispatch", load, url, name=name, server=durable_postgresql, count=count
                )
            runs[count].append(run)
            say(f"  {run}")

    gains = [two.rate / one.rate for one, two in zip(runs[1], runs[2], strict=True)]
    say(f"two of one, by wall: {statistics.median(gains):.2f} ({min(gains):.2f}-{max(gains):.2f})")
