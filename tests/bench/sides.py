"""One side of a comparison, in a process of its own: `python -m tests.bench.sides SIDE …`.

gradebell: one cycle pushed, told to every endpoint, all of it settled and logged.
client: the same letters through Gradebell's own webhook sender alone, signed as they go.
bare: the same bodies, signed beforehand, posted by aiohttp on uvloop, and nothing else.
All run as the commands do: on the loop of `alerts.cli.frame.run_loop`.

Prints one line of JSON: deliveries, wall and processor seconds, peak memory, seconds by step.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import text

from alerts import telemetry
from alerts.bootstrap import Services, forget_startup, open_services
from alerts.channels import signing
from alerts.cli.frame import run_loop
from alerts.domain.deliveries import Channel, Delivered
from alerts.domain.grades import Kind, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.receive import receive
from alerts.ports import Destination, Letter, SigningSecret
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.cycles import Origin
from alerts.store.migrate import upgrade

SOURCE = source_name("bench")
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
LOW, HIGH = 50.0, 70.0
# Posts in flight of the sides that are a client alone.
CONCURRENCY = 200


T = TypeVar("T")


@dataclass(slots=True)
class Result:
    """What one run came to. steps: wall seconds. Memory is the peak of the whole run."""

    side: str
    deliveries: int
    wall: float
    cpu: float
    peak_rss_mb: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """How much: every one of `tokens` events goes to every one of `endpoints`.

    receiver: its URL without a path.
    """

    receiver: str
    endpoints: int
    tokens: int


async def gradebell(services: Services, load: Load) -> Result:
    """One cycle from the push to the last settled delivery."""
    for number in range(load.endpoints):
        url = f"{load.receiver}/{number}"
        await create_webhook(HOUSE_APP, url, Wish(), desk=services.desk)
    result = Result(
        "gradebell", load.endpoints * load.tokens, time.perf_counter(), time.process_time()
    )
    started = result.wall
    await push(services, load.tokens, day=1, score=HIGH)
    pushed = time.perf_counter()
    await fan_out_events(store=services.store, waker=services.waker)
    fanned_out = time.perf_counter()
    await services.dispatcher().run_until_idle()
    ended = time.perf_counter()
    result.wall, result.cpu = ended - started, time.process_time() - result.cpu
    result.steps = {
        "push": pushed - started,
        "fan_out": fanned_out - pushed,
        "dispatch": ended - fanned_out,
    }
    await _check_log(services, result.deliveries)
    return result


async def client(services: Services, load: Load) -> Result:
    """The same letters by the webhook sender alone: no queue, no log."""
    sender = services.senders[Channel.WEBHOOK]
    secret = SigningSecret("sec_bench", os.urandom(32))
    letters = [
        (
            Destination(
                endpoint_id=f"ep_{number:026}",
                channel=Channel.WEBHOOK,
                address=f"{load.receiver}/{number}",
                secrets=(secret,),
            ),
            Letter(f"dlv_{number:026}", event_id, body),
        )
        for event_id, body in await _events(services, load)
        for number in range(load.endpoints)
    ]

    async def post(letter: tuple[Destination, Letter]) -> None:
        answer = await sender.send(letter[0], letter[1:])
        if not isinstance(answer.outcome, Delivered):
            raise TypeError(f"the receiver answered {answer.trace.status_code}")

    return await _all("client", letters, post)


async def bare(services: Services, load: Load) -> Result:
    """The same posts by aiohttp alone."""
    requests = [
        (f"{load.receiver}/{number}", _signed(event_id, body, number), body)
        for event_id, body in await _events(services, load)
        for number in range(load.endpoints)
    ]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:

        async def post(request: tuple[str, dict[str, str], bytes]) -> None:
            url, headers, body = request
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()
                if response.status != HTTPStatus.NO_CONTENT:
                    raise RuntimeError(f"the receiver answered {response.status}")

        return await _all("bare", requests, post)


async def _all(side: str, work: Sequence[T], post: Callable[[T], Awaitable[None]]) -> Result:
    """Everything posted, CONCURRENCY at a time."""
    waiting = deque(work)

    async def some() -> None:
        while waiting:
            await post(waiting.popleft())

    result = Result(side, len(work), time.perf_counter(), time.process_time())
    await asyncio.gather(*(some() for _ in range(CONCURRENCY)))
    result.wall = time.perf_counter() - result.wall
    result.cpu = time.process_time() - result.cpu
    return result


async def _events(services: Services, load: Load) -> list[tuple[str, bytes]]:
    """(id, body) of a cycle's events: what Gradebell would send."""
    await push(services, load.tokens, day=1, score=HIGH)
    async with services.store.engine.connect() as connection:
        rows = await connection.execute(text("SELECT id, body FROM events ORDER BY sequence"))
        return [(row.id, bytes(row.body)) for row in rows]


async def push(services: Services, tokens: int, *, day: int, score: float) -> None:
    """One cycle of so many tokens, all with this score, received and compared."""
    grades = tuple(
        read_grade(
            SOURCE,
            {
                "token_id": number,
                "symbol": f"T{number}",
                "name": f"Token {number}",
                "score": score,
                "components": {"ta_grade": score + 1.5, "quant_grade": score - 6},
            },
        )
        for number in range(tokens)
    )
    reading = Reading({FIRST_DAY + timedelta(days=day): grades})
    async with services.store.write() as tx:
        ids = await receive(
            tx, reading, source=SOURCE, kind=Kind.TRADER, complete=True, origin=Origin.PUSH
        )
    for cycle_id in ids:
        await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)


def _signed(event_id: str, body: bytes, number: int) -> dict[str, str]:
    second = int(time.time())
    signature = signing.sign(os.urandom(32), message_id=event_id, timestamp=second, body=body)
    return {
        "content-type": "application/json",
        "user-agent": "Gradebell/bare",
        "webhook-id": event_id,
        "webhook-timestamp": str(second),
        "webhook-signature": signature,
        "gradebell-endpoint": f"ep_{number:026}",
        "gradebell-delivery": f"dlv_{number:026}",
    }


async def _check_log(services: Services, deliveries: int) -> None:
    """Raise unless every delivery was delivered at its one attempt."""
    query = text(
        "SELECT (SELECT count(*) FROM deliveries WHERE state = 'delivered' AND attempts = 1),"
        " (SELECT count(*) FROM deliveries), (SELECT count(*) FROM attempts)"
    )
    async with services.store.engine.connect() as connection:
        counts = tuple((await connection.execute(query)).one())
    if counts != (deliveries,) * 3:
        raise RuntimeError(f"{deliveries} were due, and the log has {counts}")


SIDES = {"gradebell": gradebell, "client": client, "bare": bare}


async def _run(arguments: argparse.Namespace) -> Result:
    await upgrade(arguments.database_url)
    settings = Settings.model_validate(
        {
            "database_url": arguments.database_url,
            "admin_key": "a" * 20,
            "encryption_keys": new_encryption_key(),
            "trusted_destinations": urlsplit(arguments.receiver).netloc,
            "source": "none",
        }
    )
    telemetry.configure(settings.log_format, settings.log_level)
    load = Load(arguments.receiver, arguments.endpoints, arguments.tokens)
    async with open_services(settings) as services:
        await push(services, load.tokens, day=0, score=LOW)
        forget_startup()
        return await SIDES[arguments.side](services, load)


def main(words: Sequence[str] | None = None) -> None:
    """Run one side and print its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=sorted(SIDES))
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--receiver", required=True)
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--processor", type=int)
    arguments = parser.parse_args(words)
    if arguments.processor is not None:
        os.sched_setaffinity(0, {arguments.processor})
    results: list[Result] = []

    async def run() -> None:
        results.append(await _run(arguments))

    run_loop(run())
    result = results[0]
    result.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{json.dumps(asdict(result))}\n")


if __name__ == "__main__":
    main()
