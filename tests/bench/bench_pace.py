"""From a change that is accepted to its arrival, at a steady pace; and with a tenth that hang.

There are at most fifty pushes a second, through the API, each of as many grades as the pace takes;
a change goes to one of two hundred endpoints. The time is counted from the push's answer, when the
change is durable, and from the push itself. Where a tenth hang, they take what they are sent and
never answer; counted are the others.
"""

import asyncio
import json
import statistics
import subprocess
import sys

import pytest

from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import Wish, create_webhook
from tests.bench.installations import MODES, Ground, Installation, Mode, marks, told
from tests.bench.paced import Paced
from tests.bench.runs import machine, say
from tests.programs import free_port

ENDPOINTS = 200
PUSHES_A_SECOND = 50
RATES = (50, 200)
SECONDS, QUICK_SECONDS = 20, 4
HANGING_RATE, HANGING_SECONDS, ROUNDS = 50, 18, 2
ENOUGH_SECONDS = 240
ONE_BY_ONE = 3
# Processes of their own without Redis look every 250 ms, and hear nothing in between.
NO_REDIS = {"a worker, PostgreSQL, no Redis": Mode("postgresql", workers=1)}


@pytest.mark.parametrize("name", [*MODES, *NO_REDIS])
async def test_changes_one_by_one(name: str, ground: Ground, quick: bool) -> None:
    await _show({**MODES, **NO_REDIS}, name, ONE_BY_ONE, ground, quick=quick)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", MODES)
async def test_changes_at_a_steady_pace(name: str, rate: int, ground: Ground, quick: bool) -> None:
    await _show(MODES, name, rate, ground, quick=quick)


@pytest.mark.parametrize("name", MODES)
async def test_a_tenth_that_hang_slow_nobody_else_down(
    name: str, ground: Ground, quick: bool
) -> None:
    say(f"\n{machine()}\n{name}: {HANGING_RATE} changes a second, without and with a tenth hanging")
    seconds = QUICK_SECONDS if quick else HANGING_SECONDS
    p95 = []
    for _ in range(ROUNDS):
        calm, hanging = [
            await _paced(MODES[name], HANGING_RATE, seconds, ground, hanging=hanging)
            for hanging in (False, True)
        ]
        say(f"  calm     {_words(calm)}\n  hanging  {_words(hanging)}")
        p95.append(marks(hanging.from_answer_ms)[1] / marks(calm.from_answer_ms)[1])
    say(f"{name}: p95 with a tenth hanging {_range(p95)} of that without")


async def _show(
    modes: dict[str, Mode], name: str, rate: int, ground: Ground, *, quick: bool
) -> None:
    say(f"\n{machine()}\n{name}: {rate} changes a second")
    found = await _paced(modes[name], rate, QUICK_SECONDS if quick else SECONDS, ground)
    say(f"  {_words(found)}")


async def _paced(
    mode: Mode, rate: int, seconds: int, ground: Ground, *, hanging: bool = False
) -> Paced:
    port = free_port()
    async with ground.installed(mode, trusted=f"127.0.0.1:{port}") as place:
        await _subscribe(place, port)
        async with place.at_work():
            words = [
                *(sys.executable, "-m", "tests.bench.paced", "--api", place.api),
                *("--port", str(port), "--endpoints", str(ENDPOINTS), "--rate", str(rate)),
                *("--grades", str(max(1, rate // PUSHES_A_SECOND))),
                *("--seconds", str(seconds), *(["--hanging"] if hanging else [])),
            ]
            done = await asyncio.to_thread(_output_of, words)
    return Paced(**json.loads(done))


async def _subscribe(place: Installation, port: int) -> None:
    desk = place.services.desk
    for number in range(ENDPOINTS):
        wish = Wish(tokens=[f"bench:{number}"], wanted=Filter())
        await create_webhook(HOUSE_APP, f"http://127.0.0.1:{port}/{number}", wish, desk=desk)


def _output_of(words: list[str]) -> str:
    return subprocess.run(
        words, check=True, encoding="utf-8", stdout=subprocess.PIPE, timeout=ENOUGH_SECONDS
    ).stdout


def _words(found: Paced) -> str:
    return (
        f"{len(found.from_answer_ms)} of {found.pushed} arrived; after the answer"
        f" {told(found.from_answer_ms)}; after the push {told(found.from_push_ms)}"
        f"  (pushed {found.late_ms:.0f} ms late at the most, pusher busy {found.busy:.2f})"
    )


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
