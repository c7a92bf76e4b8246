"""How fast deliveries are made, from the push of a cycle to the last settled attempt.

Sides are processes of their own and take turns, for the machine's speed drifts: the same bodies by
aiohttp alone, by Gradebell's client alone, and by Gradebell on either database. What counts are
ratios within a round. Clients run on processor 0, the receiver on 1, PostgreSQL where it likes.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from tests import databases, servers
from tests.bench.meters import machine_seconds, tree_seconds
from tests.bench.receivers import LoadReceiver, receiving
from tests.bench.sides import Result

ROUNDS = 3
ENDPOINTS = 300
TOKENS, QUICK_TOKENS = 200, 20
# Longer than any run has taken on a busy machine, by far.
RUN_SECONDS = 300
# Below this the client waited for something else, and its wall time says little about it.
BUSY = 0.9

BARE, CLIENT, SQLITE, POSTGRESQL = "aiohttp alone", "client alone", "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Shares are processor seconds by wall second; others: processes not of this bench."""

    side: str
    result: Result
    receiver: float
    database: float
    others: float

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.result.deliveries / self.result.wall

    @property
    def cpu_per_10k(self) -> float:
        """Processor seconds of the client."""
        return self.result.cpu / self.result.deliveries * 10_000

    @property
    def busy(self) -> float:
        """Processor seconds of the client by wall second."""
        return self.result.cpu / self.result.wall

    def __str__(self) -> str:
        waits = "" if self.busy >= BUSY else f"  <- {self._saturated()}"
        steps = " ".join(f"{name} {took:.2f}" for name, took in self.result.steps.items())
        return (
            f"{self.side:14} {self.rate:7.0f}/s  {self.cpu_per_10k:5.2f} CPU s/10k"
            f"  busy {self.busy:.2f} (receiver {self.receiver:.2f}, database {self.database:.2f},"
            f" others {self.others:.2f})  {self.result.peak_rss_mb:.0f} MB  {steps}{waits}"
        )

    def _saturated(self) -> str:
        shares = {"the receiver": self.receiver, "the database": self.database}
        name, share = max(shares.items(), key=lambda item: item[1])
        if share >= BUSY:
            return f"{name} was saturated"
        if self.others >= 0.5:
            return f"other processes took {self.others:.2f} of the processors"
        return "nothing was saturated: the client waited for answers or commits"


class Bench:
    """Where the sides run."""

    def __init__(self, folder: Path, receiver: LoadReceiver, tokens: int) -> None:
        self._folder = folder
        self._receiver = receiver
        self._url = receiver.http
        self._tokens = tokens
        self._runs = 0

    def use(self, scheme: Literal["http", "https"]) -> None:
        """Plain connections, or TLS."""
        self._url = self._receiver.https if scheme == "https" else self._receiver.http

    def on_sqlite(self, name: str, side: str) -> Run:
        """A run on a new SQLite database."""
        self._runs += 1
        path = self._folder / f"{self._runs}.db"
        return self._run(name, side, databases.sqlite_url(path), server=None)

    def on_postgresql(self, server: servers.Server, template: str) -> Run:
        """A run on a new PostgreSQL database."""
        with databases.postgresql_database(server, template) as url:
            return self._run(POSTGRESQL, "gradebell", url, server=server)

    def _run(self, name: str, side: str, url: str, *, server: servers.Server | None) -> Run:
        pids = [self._receiver.pid, *([server.pid] if server else [])]
        before, machine = [tree_seconds(pid) for pid in pids], machine_seconds()
        result = self._result(side, url)
        # The preparation is in these too, so they are a little high.
        receiver, *rest = [tree_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        now = machine_seconds()
        idle = (now.idle - machine.idle) / max(now.total - machine.total, 0.01)
        own = (result.cpu + receiver + sum(rest)) / result.wall
        others = max(0.0, (1 - idle) * (os.cpu_count() or 1) - own)
        shares = receiver / result.wall, sum(rest) / result.wall
        return Run(name, result, *shares, others=others)

    def _result(self, side: str, url: str) -> Result:
        log = self._folder / "log"  # every attempt has a line in it, as ever
        with log.open("w") as lines:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "tests.bench.sides", side, "--database-url", url),
                    *("--receiver", self._url, "--endpoints", str(ENDPOINTS)),
                    *("--tokens", str(self._tokens), *_pinned_to(0)),
                ],
                check=False,
                env={**os.environ, "SSL_CERT_FILE": self._receiver.authority},
                encoding="utf-8",
                stdout=subprocess.PIPE,
                stderr=lines,
                timeout=RUN_SECONDS,
            )
        if done.returncode:
            raise RuntimeError(f"the side {side} failed: {log.read_text()[-2000:]}")
        return Result(**json.loads(done.stdout))


@pytest.fixture
def bench(tmp_path: Path, quick: bool) -> Iterator[Bench]:
    with receiving(processor=1 if _has_two_processors() else None) as receiver:
        _say(f"\n{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs")
        _say(f"receiver: {receiver.name}; SQLite synchronous=FULL, PostgreSQL fsync on")
        yield Bench(tmp_path, receiver, QUICK_TOKENS if quick else TOKENS)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_deliveries_end_to_end(
    scheme: Literal["http", "https"],
    bench: Bench,
    durable_postgresql: servers.Server,
    durable_template: str,
) -> None:
    bench.use(scheme)
    rounds: list[dict[str, Run]] = []

    for number in range(ROUNDS):
        sides: list[Callable[[], Run]] = [
            partial(bench.on_sqlite, BARE, "bare"),
            partial(bench.on_sqlite, CLIENT, "client"),
            partial(bench.on_sqlite, SQLITE, "gradebell"),
            partial(bench.on_postgresql, durable_postgresql, durable_template),
        ]
        _say(f"{scheme}, round {number + 1}")
        runs = []
        for side in sides[number:] + sides[:number]:
            runs.append(side())
            _say(f"  {runs[-1]}")
        rounds.append({run.side: run for run in runs})

    for of in (BARE, CLIENT):
        for name in (CLIENT, SQLITE, POSTGRESQL):
            if name != of:
                _say(f"{name} of {of}: {_ratios(rounds, name, of)}")


def _ratios(rounds: list[dict[str, Run]], side: str, of: str) -> str:
    wall = [each[side].rate / each[of].rate for each in rounds]
    cpu = [each[of].cpu_per_10k / each[side].cpu_per_10k for each in rounds]
    return (
        f"by wall {statistics.median(wall):.2f} ({min(wall):.2f}-{max(wall):.2f}),"
        f" by CPU {statistics.median(cpu):.2f} ({min(cpu):.2f}-{max(cpu):.2f})"
    )


def _pinned_to(processor: int) -> tuple[str, ...]:
    return ("--processor", str(processor)) if _has_two_processors() else ()


def _has_two_processors() -> bool:
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
