"""Changes pushed at a steady pace, and when each arrives: `python -m tests.bench.paced …`.

Pusher and receiver are one process on uvloop, so there is one clock. A push is a cycle of some
grades through the API, of another band each; each token has one endpoint, at the path of its
number. A push does not wait for the answer to the one before, but where the tokens begin anew.

Prints one line of JSON: milliseconds from the push's answer to the arrival, and from the push
itself, of endpoints that answer; how many of these were pushed; and how busy this process was.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field

import aiohttp
import uvloop

from tests.bench.installations import HEADERS, cycle
from tests.bench.raw_receiver import Answering

# Of those that hang, so many of a hundred endpoints.
HANGING_OF_100 = 10
# So long they are pushed to before anything is counted: a process that has just begun makes its
# statements, and opens its connections.
WARMING_SECONDS = 3
# How long what was pushed last may take to arrive.
PATIENCE_SECONDS = 20.0
# Its cycle, and the number of its token.
Change = tuple[str, int]
_CYCLE = re.compile(rb'"cycle":\{"id":"(cyc_\w+)"')


@dataclass(slots=True)
class Paced:
    """What came of it, by change. late_ms: how much later than planned a push was, at the most."""

    from_answer_ms: list[float] = field(default_factory=list)
    from_push_ms: list[float] = field(default_factory=list)
    pushed: int = 0
    late_ms: float = 0.0
    busy: float = 0.0


class Pace:
    """One run. hanging: whether a tenth of the endpoints takes what it is sent and says nothing."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._arrived: dict[Change, float] = {}
        # By change: when it was pushed, and when that was answered. Only of those that are counted.
        self._pushed: dict[Change, tuple[float, float]] = {}
        self._late = 0.0

    async def run(self) -> Paced:
        """Push all, and wait until all have arrived."""
        loop = asyncio.get_running_loop()
        port, pace = self._arguments.port, self

        class Noting(Answering):
            def answer(self, request: bytes) -> bytes:
                return pace.note(request, super().answer(request))

        server = await loop.create_server(Noting, "127.0.0.1", port)
        async with aiohttp.ClientSession(headers=HEADERS) as client:
            everyone = range(self._arguments.endpoints)
            await self._post(client, cycle(0, everyone, complete=True))
            cpu, wall = time.process_time(), time.perf_counter()
            await self._push_all(client)
            busy = (time.process_time() - cpu) / (time.perf_counter() - wall)
        await self._all_arrived()
        server.close()
        return self._found(busy)

    def note(self, request: bytes, answer: bytes) -> bytes:
        """What to answer to a request that came just now."""
        now = time.monotonic()
        number = int(request[6 : request.index(b" ", 6)])
        found = _CYCLE.search(request)
        if found is not None:
            self._arrived.setdefault((found[1].decode(), number), now)
        return b"" if self._hangs(number) else answer

    def _hangs(self, number: int) -> bool:
        return self._arguments.hanging and number % 100 >= 100 - HANGING_OF_100

    async def _push_all(self, client: aiohttp.ClientSession) -> None:
        given = self._arguments
        began = time.monotonic()
        pushing: set[asyncio.Task[None]] = set()
        warming = round(WARMING_SECONDS * given.rate)
        for place in range(0, warming + round(given.seconds * given.rate), given.grades):
            day, token = divmod(place, given.endpoints)
            if token == 0 and pushing:
                # A grade of an older day than the newest one is history, and no news.
                await asyncio.wait(pushing)
            planned = began + place / given.rate
            await asyncio.sleep(max(0.0, planned - time.monotonic()))
            if is_counted := place >= warming:
                self._late = max(self._late, time.monotonic() - planned)
            tokens = range(token, min(token + given.grades, given.endpoints))
            pushed = self._push(client, day + 1, tokens, is_counted=is_counted)
            task = asyncio.create_task(pushed)
            pushing.add(task)
            task.add_done_callback(pushing.discard)
        await asyncio.gather(*pushing)

    async def _push(
        self, client: aiohttp.ClientSession, day: int, tokens: range, *, is_counted: bool
    ) -> None:
        pushed = time.monotonic()
        cycle_id = await self._post(client, cycle(day, tokens, complete=False))
        answered = time.monotonic()
        for token in tokens:
            if is_counted and token % 100 < 100 - HANGING_OF_100:
                self._pushed[cycle_id, token] = (pushed, answered)

    async def _post(self, client: aiohttp.ClientSession, body: dict[str, object]) -> str:
        async with client.post(f"{self._arguments.api}/v1/cycles", json=body) as answer:
            if answer.status != 201:
                raise RuntimeError(await answer.text())
            return str((await answer.json())["id"])

    async def _all_arrived(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._pushed.keys() <= self._arrived.keys() and time.monotonic() < end:  # noqa: ASYNC110 - the installation's doing.
            await asyncio.sleep(0.1)

    def _found(self, busy: float) -> Paced:
        found = Paced(pushed=len(self._pushed), late_ms=self._late * 1000, busy=busy)
        for change, (pushed, answered) in self._pushed.items():
            if (arrived := self._arrived.get(change)) is not None:
                found.from_answer_ms.append((arrived - answered) * 1000)
                found.from_push_ms.append((arrived - pushed) * 1000)
        return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--grades", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--hanging", action="store_true")
    arguments = parser.parse_args()
    sys.stdout.write(f"{json.dumps(asdict(uvloop.run(Pace(arguments).run())))}\n")


if __name__ == "__main__":
    main()
