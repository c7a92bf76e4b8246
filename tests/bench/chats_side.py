"""One change to many chats, in a process of its own: `python -m tests.bench.chats_side …`.

Half-way a newer change of the same token comes. Prints one line of JSON.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import text

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.channels.telegram_address import TelegramChat
from alerts.cli.frame import run_loop
from alerts.domain.channels import TELEGRAM_POOL
from alerts.pipeline.fan_out import fan_out_events
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.migrate import upgrade
from tests.bench.loads import HIGH, LOW, push
from tests.bench.meters import rss_mb
from tests.pipeline.crowd import gather_chats

TOKEN = "7000000001:AAF-t0ken_of_a_bench_0123456789abcdefg"
# Of the other one nobody wants to hear.
TOKENS = 2
LOOK_SECONDS = 0.5
STATES = "SELECT sequence, state, reason, count(*) FROM deliveries GROUP BY 1, 2, 3 ORDER BY 1, 2"
SENT = "SELECT count(*) FROM attempts"
DUE = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')"


@dataclass(slots=True)
class Told:
    """Memory in MB by messages sent; became: how many of each change by state and reason."""

    chats: int
    followers: int
    owed_ms: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sent: int = 0
    memory: dict[int, float] = field(default_factory=dict)
    became: list[tuple[int, str, str | None, int]] = field(default_factory=list)


async def measure(services: Services, found: Told, *, newer_after: int) -> None:
    """Tell the followers of one change, and after so many messages of a newer one."""
    here, elsewhere = (
        [TelegramChat(number) for number in range(first, last)]
        for first, last in ((1, found.followers + 1), (found.followers + 1, found.chats + 1))
    )
    await push(services, TOKENS, day=0, score=LOW)
    await gather_chats(services, here, "bench:0")
    await gather_chats(services, elsewhere, "bench:9")
    began = time.perf_counter()
    await _change(services, found.followers, day=1)
    found.owed_ms = (time.perf_counter() - began) * 1000
    stop = asyncio.Event()
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(services.dispatcher().run(stop))
    await _look(services, found, until=lambda sent, _: sent >= newer_after)
    await _change(services, found.followers, day=2)
    await _look(services, found, until=lambda _, due: due == 0)
    found.seconds, found.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    await running
    async with services.store.read() as tx:
        rows = (await tx.connection.execute(text(STATES))).all()
    numbers = sorted({row[0] for row in rows})
    found.became = [(numbers.index(row[0]) + 1, *row[1:]) for row in rows]


async def _look(services: Services, found: Told, *, until: Callable[[int, int], bool]) -> None:
    """Note the memory until it has come to that."""
    while True:
        async with services.store.read() as tx:
            found.sent = (await tx.connection.execute(text(SENT))).scalar_one()
            due = (await tx.connection.execute(text(DUE))).scalar_one()
        found.memory[found.sent] = round(rss_mb(os.getpid()), 1)
        if until(found.sent, due):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _change(services: Services, followers: int, *, day: int) -> None:
    await push(services, TOKENS, day=day, score=HIGH if day % 2 else LOW)
    written = await fan_out_events(store=services.store, waker=services.waker)
    if written != followers:
        raise RuntimeError(f"{followers} were due, {written} written")


async def _run(arguments: argparse.Namespace) -> None:
    await upgrade(arguments.database_url)
    settings = Settings.model_validate(
        {
            "database_url": arguments.database_url,
            "admin_key": "a" * 20,
            "encryption_keys": new_encryption_key(),
            "source": "none",
            "telegram_bot_token": TOKEN,
            "telegram_api_url": arguments.telegram,
        }
    )
    telemetry.configure(settings.log_format, "ERROR")
    found = Told(arguments.chats, arguments.followers)
    async with open_services(settings) as opened:
        rules = replace(opened.rules, pools={TELEGRAM_POOL: arguments.rate})
        await measure(replace(opened, rules=rules), found, newer_after=arguments.newer_after)
    sys.stdout.write(f"{json.dumps(asdict(found))}\n")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--telegram", required=True)
    for name in ("chats", "followers", "newer-after"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    run_loop(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
