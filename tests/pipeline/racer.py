"""One of two processes that push cycles of the same source and kind at the same moment.

Run as `python -m tests.pipeline.racer DATABASE_URL NAME HELD`: says `ready`, waits for a line,
pushes its cycles, releases the cycle HELD half-way (`-`: none), and prints the id of each cycle by
its number.
"""

import asyncio
import json
import random
import sys
from datetime import datetime, timedelta

from alerts.bootstrap import open_services
from alerts.pipeline.diff import release
from alerts.telemetry import LogFormat, configure
from tests.pipeline.conftest import START, Scores, push, settings_for

CYCLES = 100
TOKENS = 12


def scores_of(name: str, number: int) -> Scores:
    """The grades of one racer's cycle: a walk with jumps, the same whenever it is asked for."""
    dice = random.Random(f"{name} {number}")
    return {f"t{place}": round(dice.uniform(0, 100), 1) for place in range(TOKENS)}


def as_of(number: int) -> datetime:
    """Both racers have a cycle of each hour: it is news, a revision or late, as it comes."""
    return START + timedelta(hours=1 + number)


async def race(database_url: str, name: str, held: str) -> None:
    configure(LogFormat.JSON, "ERROR")
    async with open_services(settings_for(database_url)) as services:
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        ids = {}
        for number in range(CYCLES):
            record = await push(services, as_of(number), scores_of(name, number))
            ids[record.id] = number
            if number == CYCLES // 2 and held != "-":
                await release(held, store=services.store, ladder=services.ladder)
    say(json.dumps(ids))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(race(*sys.argv[1:]))
