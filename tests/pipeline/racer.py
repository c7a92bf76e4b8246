"""One of two processes that push cycles of the same source and kind at the same moment.

Run as `python -m tests.pipeline.racer DATABASE_URL NAME COUNT HELD`: says `ready`, waits for a
line, pushes COUNT cycles, releases the cycle HELD half-way (`-`: none), and prints the number of
each cycle by its id.
"""

import asyncio
import json
import random
import sys
from datetime import datetime, timedelta

from alerts.bootstrap import open_services
from alerts.pipeline.release import release
from alerts.telemetry import LogFormat, configure
from tests.pipeline.conftest import START, Scores, push, settings_for

TOKENS = 8


def scores_of(name: str, number: int) -> Scores:
    """The grades of one racer's cycle: a walk with jumps, the same whenever it is asked for."""
    dice = random.Random(f"{name} {number}")
    return {f"t{place}": round(dice.uniform(0, 100), 1) for place in range(TOKENS)}


def as_of(number: int) -> datetime:
    """Both racers have a cycle of each hour: it is news, a revision or late, as it comes."""
    return START + timedelta(hours=1 + number)


async def race(database_url: str, name: str, *, count: int, held: str) -> None:
    configure(LogFormat.JSON, "ERROR")
    async with open_services(settings_for(database_url)) as services:
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        ids = {}
        for number in range(count):
            record = await push(services, as_of(number), scores_of(name, number))
            ids[record.id] = number
            if number == count // 2 and held != "-":
                await release(held, store=services.store, ladder=services.ladder)
    say(json.dumps(ids))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, url, who, how_many, which = sys.argv
    asyncio.run(race(url, who, count=int(how_many), held=which))
