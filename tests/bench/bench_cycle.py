"""What a whole cycle costs, from its receipt to the commit: `make bench ARGS='-k whole_cycle'`.

Days of the sandbox's trader grades, each with two components, to nobody; the first is a baseline.
"""

import statistics
import sys
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import telemetry
from alerts.bootstrap import open_services
from alerts.cli.frame import run_loop
from alerts.domain.grades import Grade, Kind
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.receive import receive
from alerts.sources.sandbox.generator import Market
from alerts.store.cycles import Origin
from tests.bench.backtest import OPENED, grades
from tests.bench.conftest import NewDatabase
from tests.pipeline.conftest import SOURCE, TurnedClock, settings_for

TOKENS = 6000
DAYS = 8


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_whole_cycle(engine: str, new_database: NewDatabase, quick: bool) -> None:
    telemetry.configure(telemetry.LogFormat.JSON, "ERROR")
    spent: list[float] = []
    with new_database(engine) as url:
        run_loop(_live_through(url, TOKENS // 10 if quick else TOKENS, spent))
    sys.stdout.write(
        f"\n{engine}: {statistics.median(spent):.0f} ms of processor a cycle"
        f" (best {min(spent):.0f}), the database server's not counted\n"
    )


async def _live_through(url: str, tokens: int, spent: list[float]) -> None:
    """A cycle a day; spent: milliseconds of this process's processor for each but the first."""
    market, clock = Market(size=tokens), TurnedClock(OPENED)
    async with open_services(settings_for(url), clock=clock) as services:
        for number in range(DAYS):
            day = OPENED + timedelta(days=number)
            clock.at = day + timedelta(hours=5)
            rows = tuple(_with_components(each) for each in grades(market, Kind.TRADER, day))
            began = time.process_time()
            async with services.store.write() as tx:
                (cycle_id,) = await receive(
                    tx,
                    Reading({day: rows}),
                    source=SOURCE,
                    kind=Kind.TRADER,
                    complete=True,
                    origin=Origin.POLL,
                )
            done = await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
            took = (time.process_time() - began) * 1000
            if number:
                assert done.events
                spent.append(took)


def _with_components(grade: Grade) -> Grade:
    score = grade.score or 0
    return replace(grade, components=(("quant", score // 2), ("ta", 10_000 - score)))
