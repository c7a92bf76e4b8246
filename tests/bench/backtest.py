"""Ninety days of grades told again to one endpoint: `python -m tests.bench.backtest`.

The grades are the sandbox's, whose moves are calibrated on recorded ones, both kinds a day; they
are taken in on a clock of ours, by the code that takes in a push, and not measured.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import Channel
from alerts.domain.events import SUBSCRIBABLE, EventType, Window
from alerts.domain.grades import Cycle, Grade, Kind, TokenId
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Filter, Reach, Threshold
from alerts.pipeline.backtest import backtest, supposed
from alerts.pipeline.diff import diff_at_once
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.roster import SandboxToken
from alerts.store.cycles import Origin
from alerts.store.migrate import upgrade
from tests.databases import sqlite_url
from tests.pipeline.conftest import SOURCE, TurnedClock, settings_for

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
NIGHT = QuietHours(clock_time(22), clock_time(7))
ALL = frozenset(SUBSCRIBABLE)
NONE: frozenset[EventType] = frozenset()
ASKED = {
    "webhook, upgrades and downgrades": supposed(Channel.WEBHOOK, Filter()),
    "webhook, all types": supposed(Channel.WEBHOOK, Filter(types=ALL)),
    "webhook, all types, a cooldown of three days": supposed(
        Channel.WEBHOOK, Filter(types=ALL), cooldown_seconds=3 * 86_400
    ),
    "chat, all types, quiet at night": supposed(
        Channel.TELEGRAM, Filter(types=ALL), time_zone="Europe/Berlin", quiet_hours=NIGHT
    ),
    "webhook, trader above 85 or below 20": supposed(
        Channel.WEBHOOK, Filter(types=NONE, thresholds=(Threshold(Kind.TRADER, 8500, 2000),))
    ),
    "webhook, trader up or down 15 points within 7 days": supposed(
        Channel.WEBHOOK,
        Filter(types=NONE, windows=(Reach(Kind.TRADER, Window.WEEK_POINTS, 1500, 1500),)),
    ),
    "chat, five tokens": supposed(
        Channel.TELEGRAM,
        Filter(tokens=tuple(TokenId(f"{SOURCE}:{number}") for number in range(100, 105))),
    ),
}


def grades(market: Market, kind: Kind, day: datetime) -> Iterator[Grade]:
    """A day of a kind; a token is called by its place."""
    for place, token in enumerate(market.tokens):
        score = _score(market, kind, token, day)
        if score is not None:
            yield Grade(TokenId(f"{SOURCE}:{place}"), token.symbol, token.name, score)


def _score(market: Market, kind: Kind, token: SandboxToken, day: datetime) -> int | None:
    at = market.opening + (day - OPENED)
    if kind is Kind.TRADER:
        trader = market.trader(token, at)
        return None if trader is None else trader.trader
    fundamental = market.fundamental(token, at)
    return None if fundamental is None else fundamental.grade


async def live_through(services: Services, clock: TurnedClock, *, tokens: int, days: int) -> None:
    market = Market(size=tokens)
    for number in range(days):
        day = OPENED + timedelta(days=number)
        for hours, kind in enumerate(Kind, start=1):
            clock.at = day + timedelta(hours=5 * hours)
            found = grades(market, kind, day)
            cycle = Cycle(SOURCE, kind, day, complete=True, grades=tuple(found))
            await diff_at_once(
                cycle,
                origin=Origin.PUSH,
                rejected=(),
                store=services.store,
                ladder=services.ladder,
                waker=services.waker,
            )
    clock.at = OPENED + timedelta(days=days)


async def run(*, tokens: int, days: int) -> None:
    telemetry.configure(telemetry.LogFormat.JSON, "ERROR")
    clock = TurnedClock(OPENED)
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "gradebell.db")
        await upgrade(url)
        async with open_services(settings_for(url), clock=clock) as services:
            await live_through(services, clock, tokens=tokens, days=days)
            for name, asked in ASKED.items():
                began, spent = time.perf_counter(), time.process_time()
                found = await backtest(
                    asked,
                    since=OPENED,
                    until=clock.at,
                    store=services.store,
                    ladder=services.ladder,
                )
                took, cpu = time.perf_counter() - began, time.process_time() - spent
                sys.stdout.write(
                    f"| {name} | {found.events:,} | {found.matched:,} | {found.sent:,} "
                    f"| {took:.1f} | {cpu:.1f} |\n"
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"at the most {peak} MB\n")


def main() -> None:
    """Print a row for each endpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--days", type=int, default=90)
    given = parser.parse_args()
    asyncio.run(run(tokens=given.tokens, days=given.days))


if __name__ == "__main__":
    main()
