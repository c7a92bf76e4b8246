"""The painter: draws the pictures of digests in a process of its own, each content once.

A picture is an extra: where it cannot be had in time, its digest goes without, and the log says so.
"""

import asyncio
import hashlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from alerts.channels.discord_embeds import PICTURE_LENGTH, Picture
from alerts.domain.digests import Digest, digest_data
from alerts.telemetry import Step, emit

# Isolated from the environment, which holds our secrets, and from the folder we were started in.
PROGRAM: Final = (sys.executable, "-I", "-m", "alerts.channels.discord_picture")
# Waiting for a turn included; the first picture takes the longest, while fonts are looked for.
TIMEOUT_SECONDS: Final = 8.0
# A process that is not needed takes 100 MB.
IDLE_SECONDS: Final = 30.0
# After a failure nothing is drawn for a while: a thousand digests would each wait for the next.
REST_SECONDS: Final = 60.0
KEPT: Final = 32
# What Discord takes from a webhook is far more; a picture of a week is some 100 KB.
MOST_BYTES: Final = 300 * 1024


class Painter:
    """One at a time. program: what is run, a line in for each picture out."""

    def __init__(
        self,
        *,
        program: Sequence[str] = PROGRAM,
        timeout_seconds: float = TIMEOUT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._program = program
        self._timeout = timeout_seconds
        self._idle = idle_seconds
        self._rest = rest_seconds
        self._drawn: OrderedDict[bytes, bytes] = OrderedDict()
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._ended: asyncio.Task[None] | None = None
        self._rests_until = 0.0

    async def paint(self, picture: Picture) -> bytes | None:
        """A PNG; None where it cannot be drawn, now. Raises nothing but cancellation."""
        key = _key(picture.digest)
        if key in self._drawn:
            return self._drawn[key]
        if asyncio.get_running_loop().time() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(self._timeout), self._turn:
                if key not in self._drawn:
                    self._keep(key, await self._draw(picture.digest))
                return self._drawn[key]
        except (OSError, EOFError, TimeoutError, _Undrawn) as error:
            self._rests_until = asyncio.get_running_loop().time() + self._rest
            problem = str(error) or type(error).__name__
            emit(Step.PICTURE_FAILED, period=picture.digest.period, problem=problem)
            return None

    async def close(self) -> None:
        """End the process, if one runs, and clear away what it kept."""
        if self._ending is not None:
            self._ending.cancel()
        await self._end()
        if self._ended is not None:
            await self._ended
        if self._folder is not None:
            self._folder.cleanup()

    def _keep(self, key: bytes, drawn: bytes) -> None:
        self._drawn[key] = drawn
        if len(self._drawn) > KEPT:
            self._drawn.popitem(last=False)

    async def _draw(self, digest: Digest) -> bytes:
        if self._ending is not None:
            self._ending.cancel()
        try:
            drawn = await _ask(await self._started(), digest)
        except BaseException:
            # Whatever it is at, its next answer would be taken for another's.
            await self._end()
            raise
        self._ending = asyncio.get_running_loop().call_later(self._idle, self._end_idle)
        return drawn

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            if self._folder is None:
                # Where it keeps what fonts it found, which takes it a second.
                self._folder = TemporaryDirectory(
                    prefix="gradebell-painter-", ignore_cleanup_errors=True
                )
            # A session of its own: whoever stops us at a terminal means us, and it ends after us.
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={"MPLCONFIGDIR": self._folder.name},
                start_new_session=True,
            )
        return self._process

    def _end_idle(self) -> None:
        self._ended = asyncio.create_task(self._end())

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ask(process: Process, digest: Digest) -> bytes:
    """A picture from the process. Raises _Undrawn, OSError or EOFError."""
    if process.stdin is None or process.stdout is None:
        raise _Undrawn("the painter has no pipes")
    process.stdin.write(msgspec.json.encode(digest_data(digest)) + b"\n")
    await process.stdin.drain()
    (length,) = PICTURE_LENGTH.unpack(await process.stdout.readexactly(PICTURE_LENGTH.size))
    if not length:
        raise _Undrawn((await process.stdout.readline()).decode(errors="replace").strip())
    if length > MOST_BYTES:
        raise _Undrawn(f"it takes {length} bytes")
    return await process.stdout.readexactly(length)


class _Undrawn(Exception):
    """The painter answered, and not with a picture."""


@asynccontextmanager
async def open_painter() -> AsyncIterator[Painter]:
    """A painter whose process, begun with the first picture, ends with the block."""
    painter = Painter()
    try:
        yield painter
    finally:
        await painter.close()


def _key(digest: Digest) -> bytes:
    """By what is drawn, however many endpoints are told it."""
    seen = replace(digest, period="", from_sequence=0, through_sequence=0)
    return hashlib.sha256(msgspec.json.encode(digest_data(seen))).digest()
