"""Beside the design most teams would write: one arq job for each delivery, httpx, ORM rows.

The yardstick lives in yardstick.py and runs on the same PostgreSQL, over kept connections, with a
Redis of its own. It gets fewer deliveries, for it takes longer over each.
"""

from tests import databases, servers
from tests.bench.loads import Load
from tests.bench.runs import YARDSTICK, Bench, Run, ratios, say

ROUNDS = 3
ENDPOINTS = 300
TOKENS, QUICK_TOKENS = 200, 20
THEIR_TOKENS, THEIR_QUICK_TOKENS = 10, 2


def test_deliveries_beside_one_job_for_each(
    bench: Bench,
    durable_postgresql: servers.Server,
    durable_template: str,
    redis_url: str,
    quick: bool,
) -> None:
    ours = Load(bench.receiver.http, ENDPOINTS, QUICK_TOKENS if quick else TOKENS)
    theirs = Load(bench.receiver.http, ENDPOINTS, THEIR_QUICK_TOKENS if quick else THEIR_TOKENS)
    loads = {"gradebell": ours, YARDSTICK: theirs}
    rounds: list[dict[str, Run]] = []

    for number in range(ROUNDS):
        say(f"{ours.deliveries} deliveries, {theirs.deliveries} of one job each, round {number}")
        runs = {}
        for side in sorted(loads, reverse=bool(number % 2)):
            with databases.postgresql_database(durable_postgresql, durable_template) as url:
                redis = redis_url if side == YARDSTICK else ""
                runs[side] = bench.run(
                    side, loads[side], url, server=durable_postgresql, redis_url=redis
                )
            say(f"  {runs[side]}")
        rounds.append(runs)

    say(f"Gradebell on PostgreSQL of the yardstick: {ratios(rounds, 'gradebell', YARDSTICK)}")
