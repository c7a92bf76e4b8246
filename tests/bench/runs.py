"""Sides as processes of their own: one after the other, each with what it cost and who was busy.

Clients run on processor 0, the receiver on 1, PostgreSQL where it likes.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests import databases, servers
from tests.bench.loads import Load, Result
from tests.bench.meters import Machine, machine_seconds, tree_seconds
from tests.bench.receivers import LoadReceiver
from tests.cli.conftest import ENCRYPTION_KEY

# Longer than any run has taken on a busy machine, by far.
RUN_SECONDS = 600
# Below this the client waited for something else, and its wall time says little about it.
BUSY = 0.9
YARDSTICK = "yardstick"


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
            f" others {self.others:.2f})  {self.result.rss_mb:.0f} MB  {steps}{waits}"
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

    def __init__(self, folder: Path, receiver: LoadReceiver) -> None:
        self.receiver = receiver
        self._folder = folder
        self._databases = 0

    def new_sqlite(self) -> str:
        """The address of a database that is not there yet."""
        self._databases += 1
        return databases.sqlite_url(self._folder / f"{self._databases}.db")

    def run(
        self,
        side: str,
        load: Load,
        url: str,
        *,
        name: str = "",
        server: servers.Server | None = None,
        redis_url: str = "",
        count: int = 1,
    ) -> Run:
        """One side on the database at `url`.

        server: the PostgreSQL whose processor time is to be told. count: so many processes that
        begin together, and then none of them is pinned; the result is that of all.
        """
        words = [
            *(sys.executable, "-m", *_module_of(side), "--database-url", url),
            *(f"--encryption-key={ENCRYPTION_KEY}", "--receiver", load.receiver),
            *("--endpoints", str(load.endpoints), "--tokens", str(load.tokens)),
            *("--day", str(load.day), *(_pinned_to(0) if count == 1 else ())),
            *(("--redis-url", redis_url) if redis_url else ()),
        ]
        with ExitStack() as stack:
            programs = [stack.enter_context(self._started(words, at)) for at in range(count)]
            for program in programs:
                program.hear("ready")
            pids = [self.receiver.pid, *([server.pid] if server else [])]
            before, machine = [tree_seconds(pid) for pid in pids], machine_seconds()
            for program in programs:
                program.say()
            for program in programs:
                program.hear("done")
            spent = [tree_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
            idle = _idle_between(machine, machine_seconds())
            result = _of_all([program.result() for program in programs])
        own = (result.cpu + sum(spent)) / result.wall
        return Run(
            name or side,
            result,
            receiver=spent[0] / result.wall,
            database=sum(spent[1:]) / result.wall,
            others=max(0.0, (1 - idle) * (os.cpu_count() or 1) - own),
        )

    @contextmanager
    def _started(self, words: Sequence[str], place: int) -> Iterator["_Program"]:
        log = self._folder / f"log-{place}"  # every attempt has a line in it, as ever
        with log.open("w") as lines:
            process = subprocess.Popen(
                words,
                env={**os.environ, "SSL_CERT_FILE": self.receiver.authority},
                encoding="utf-8",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=lines,
            )
            watch = threading.Timer(RUN_SECONDS, process.kill)
            watch.start()
            try:
                yield _Program(process, log)
            finally:
                watch.cancel()
                process.kill()
                process.communicate()


@dataclass(frozen=True, slots=True)
class _Program:
    process: "subprocess.Popen[str]"
    log: Path

    def hear(self, word: str) -> None:
        if self._line() != word:
            raise RuntimeError(f"a side failed: {self.log.read_text()[-2000:]}")

    def say(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Result:
        line = self._line()
        if not line:
            raise RuntimeError(f"a side failed: {self.log.read_text()[-2000:]}")
        return Result(**json.loads(line))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def ratios(rounds: Sequence[Mapping[str, Run]], side: str, of: str) -> str:
    """How fast one side is beside another of the same round: median, least and most."""
    wall = [each[side].rate / each[of].rate for each in rounds]
    cpu = [each[of].cpu_per_10k / each[side].cpu_per_10k for each in rounds]
    return (
        f"by wall {statistics.median(wall):.2f} ({min(wall):.2f}-{max(wall):.2f}),"
        f" by CPU {statistics.median(cpu):.2f} ({min(cpu):.2f}-{max(cpu):.2f})"
    )


def say(line: str) -> None:
    """A measurement is there to be read, as soon as it is there."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def machine() -> str:
    """What this runs on, for the head of a table."""
    return f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs"


def has_two_processors() -> bool:
    """Whether the client and the receiver can have one each."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


def _module_of(side: str) -> tuple[str, ...]:
    return ("tests.bench.yardstick",) if side == YARDSTICK else ("tests.bench.sides", side)


def _pinned_to(processor: int) -> tuple[str, ...]:
    return ("--processor", str(processor)) if has_two_processors() else ()


def _idle_between(before: Machine, after: Machine) -> float:
    return (after.idle - before.idle) / max(after.total - before.total, 0.01)


def _of_all(results: Sequence[Result]) -> Result:
    first = results[0]
    return replace(
        first,
        wall=max(each.wall for each in results),
        cpu=sum(each.cpu for each in results),
        rss_mb=max(each.rss_mb for each in results),
    )
