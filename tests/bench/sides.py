"""One side of a comparison, in a process of its own: `python -m tests.bench.sides SIDE …`.

gradebell: one cycle pushed, told to every endpoint, all of it settled and logged.
client: the same letters through Gradebell's own webhook sender alone, signed as they go.
bare: the same bodies, signed beforehand, posted by aiohttp on uvloop, and nothing else.
prepare: the endpoints and a first cycle, which is no news.
owe: one cycle pushed and owed to every endpoint, and nothing sent.
dispatch: what is owed already, sent and settled.
All run as the commands do: on the loop of `alerts.cli.frame.run_loop`.

Prints `ready`, begins when a line or the end comes on standard input, prints `done` at the end of
what is measured, and then a line of JSON: deliveries, wall and processor seconds, memory, seconds
by step.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp

from alerts import telemetry
from alerts.bootstrap import Services, forget_startup, open_services
from alerts.channels import signing
from alerts.cli.frame import run_loop
from alerts.domain.deliveries import Channel, Delivered
from alerts.pipeline.fan_out import fan_out_events
from alerts.ports import Destination, Letter, SigningSecret
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.migrate import upgrade
from tests.bench.loads import Load, Result, check_log, letters_of, logged, prepare, push_day
from tests.bench.meters import rss_mb

ADMIN_KEY = "an-admin-key-of-the-bench"
# Posts in flight of the sides that are a client alone.
CONCURRENCY = 200
LOOK_SECONDS = 0.05


T = TypeVar("T")


@asynccontextmanager
async def measured(side: str, deliveries: int) -> AsyncIterator[Result]:
    """A result whose times and memory are those of the block.

    It begins once a line comes on standard input, so that several can begin together.
    """
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    result = Result(side, deliveries, time.perf_counter(), time.process_time())
    looking = asyncio.create_task(_watch(result))
    try:
        yield result
    finally:
        looking.cancel()
    result.wall = time.perf_counter() - result.wall
    result.cpu = time.process_time() - result.cpu
    result.rss_mb = max(result.rss_mb, rss_mb(os.getpid()))
    _say("done")


async def gradebell(services: Services, load: Load) -> Result:
    """One cycle from the push to the last settled delivery."""
    await prepare(services, load)
    forget_startup()
    before = await logged(services)
    async with measured("gradebell", load.deliveries) as result:
        started = time.perf_counter()
        await push_day(services, load)
        pushed = time.perf_counter()
        await fan_out_events(store=services.store, waker=services.waker)
        fanned_out = time.perf_counter()
        await services.dispatcher().run_until_idle()
        ended = time.perf_counter()
    result.steps = {
        "push": pushed - started,
        "fan_out": fanned_out - pushed,
        "dispatch": ended - fanned_out,
    }
    check_log(before, await logged(services), load.deliveries)
    return result


async def prepare_only(services: Services, load: Load) -> Result:
    """The endpoints and the baseline."""
    async with measured("prepare", 0) as result:
        await prepare(services, load)
    return result


async def owe(services: Services, load: Load) -> Result:
    """One cycle, owed to all."""
    await prepare(services, load)
    async with measured("owe", load.deliveries) as result:
        await push_day(services, load)
        await fan_out_events(store=services.store, waker=services.waker)
    return result


async def dispatch(services: Services, load: Load) -> Result:
    """All that is owed, or this process's part of it. deliveries: what all have sent in the end."""
    forget_startup()
    async with measured("dispatch", load.deliveries) as result:
        await services.dispatcher().run_until_idle()
    return result


async def client(services: Services, load: Load) -> Result:
    """The same letters by the webhook sender alone: no queue, no log."""
    sender = services.senders[Channel.WEBHOOK]
    secret = SigningSecret("sec_bench", os.urandom(32))
    await prepare(services, Load(load.receiver, 0, load.tokens))
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
        for event_id, body in await letters_of(services, load)
        for number in range(load.endpoints)
    ]

    async def post(letter: tuple[Destination, Letter]) -> None:
        answer = await sender.send(letter[0], letter[1:])
        if not isinstance(answer.outcome, Delivered):
            raise TypeError(f"the receiver answered {answer.trace.status_code}")

    return await _all("client", letters, post)


async def bare(services: Services, load: Load) -> Result:
    """The same posts by aiohttp alone."""
    await prepare(services, Load(load.receiver, 0, load.tokens))
    requests = [
        (f"{load.receiver}/{number}", _signed(event_id, body, number), body)
        for event_id, body in await letters_of(services, load)
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
    forget_startup()

    async def some() -> None:
        while waiting:
            await post(waiting.popleft())

    async with measured(side, len(work)) as result:
        await asyncio.gather(*(some() for _ in range(CONCURRENCY)))
    return result


async def _watch(result: Result) -> None:
    while True:
        result.rss_mb = max(result.rss_mb, rss_mb(os.getpid()))
        await asyncio.sleep(LOOK_SECONDS)


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


SIDES = {
    "gradebell": gradebell,
    "client": client,
    "bare": bare,
    "prepare": prepare_only,
    "owe": owe,
    "dispatch": dispatch,
}


async def _run(arguments: argparse.Namespace) -> Result:
    await upgrade(arguments.database_url)
    settings = Settings.model_validate(
        {
            "admin_key": ADMIN_KEY,
            "database_url": arguments.database_url,
            "encryption_keys": arguments.encryption_key,
            "trusted_destinations": urlsplit(arguments.receiver).netloc,
            "source": "none",
        }
    )
    telemetry.configure(settings.log_format, settings.log_level)
    load = Load(arguments.receiver, arguments.endpoints, arguments.tokens, arguments.day)
    async with open_services(settings) as services:
        return await SIDES[arguments.side](services, load)


def main(words: Sequence[str] | None = None) -> None:
    """Run one side and print its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=sorted(SIDES))
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--encryption-key", default=new_encryption_key())
    parser.add_argument("--receiver", required=True)
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--day", type=int, default=1)
    parser.add_argument("--processor", type=int)
    arguments = parser.parse_args(words)
    if arguments.processor is not None:
        os.sched_setaffinity(0, {arguments.processor})
    results: list[Result] = []

    async def run() -> None:
        results.append(await _run(arguments))

    run_loop(run())
    _say(json.dumps(asdict(results[0])))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
