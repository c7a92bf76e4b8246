"""The painter: draws the pictures of digests in a process of its own, each content once.

A picture is an extra: where it cannot be had in time, its digest goes without, and the log says so.
Digests that are due together wait for each other; the time that one takes to draw counts alone.
"""

import asyncio
import hashlib
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from alerts.channels.discord_embeds import FOLDER_PREFIX, PICTURE_LENGTH, PICTURE_ROWS, Picture
from alerts.domain.digests import Digest, KindDigest, Section, digest_data
from alerts.telemetry import Step, emit

# Isolated from the environment, which holds our secrets, and from the folder we were started in.
PROGRAM: Final = (sys.executable, "-I", "-m", "alerts.channels.discord_picture")
# For one; the first takes the longest, while fonts are looked for.
TIMEOUT_SECONDS: Final = 8.0
# For the turns of others: some two hundred. Heartbeats keep its lane meanwhile.
PATIENCE_SECONDS: Final = 30.0
# A process that is not needed takes 100 MB.
IDLE_SECONDS: Final = 30.0
# After a failure nothing is drawn for a while: a thousand digests would each wait for the next.
REST_SECONDS: Final = 60.0
KEPT: Final = 128
# What Discord takes from a webhook is far more; a picture of a week is some 100 KB.
MOST_BYTES: Final = 300 * 1024


class Painter:
    """One at a time. program: what is run, a line in for each picture out."""

    def __init__(
        self,
        *,
        program: Sequence[str] = PROGRAM,
        timeout_seconds: float = TIMEOUT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._program = program
        self._timeout = timeout_seconds
        self._patience = patience_seconds
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
        wanted = msgspec.json.encode(digest_data(_drawn_of(picture.digest)))
        key = hashlib.sha256(wanted).digest()
        problem = None
        if key not in self._drawn and not self._rests:
            try:
                async with asyncio.timeout(self._patience):
                    await self._turn.acquire()
            except TimeoutError:
                problem = "too many others were drawn before it"
            else:
                problem = await self._take_turn(key, wanted)
        if problem is not None:
            emit(Step.PICTURE_FAILED, period=picture.digest.period, problem=problem)
        return self._drawn.get(key)

    async def prepare(self, digest: Digest) -> None:
        """Draw ahead what `paint` will be asked for."""
        if digest.has_grades:
            await self.paint(Picture(digest, alt=""))

    def stop(self) -> None:
        """Draw no more: what waits for its turn goes without, rather than be cut off."""
        self._rests_until = math.inf

    async def close(self) -> None:
        """End the process, if one runs, and clear away what it kept."""
        if self._ending is not None:
            self._ending.cancel()
        await self._end()
        if self._ended is not None:
            await self._ended
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _rests(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    async def _take_turn(self, key: bytes, wanted: bytes) -> str | None:
        """Draw what nobody drew meanwhile, and end the turn. What was wrong, if anything was."""
        try:
            if key not in self._drawn and not self._rests:
                async with asyncio.timeout(self._timeout):
                    self._drawn[key] = await self._draw(wanted)
                if len(self._drawn) > KEPT:
                    self._drawn.popitem(last=False)
        except _Undrawn as error:
            return str(error)
        except (OSError, EOFError, TimeoutError) as error:
            rested = asyncio.get_running_loop().time() + self._rest
            self._rests_until = max(self._rests_until, rested)
            return str(error) or type(error).__name__
        finally:
            self._turn.release()
        return None

    async def _draw(self, wanted: bytes) -> bytes:
        """Raises _Undrawn, OSError or EOFError."""
        if self._ending is not None:
            self._ending.cancel()
        process = await self._started()
        try:
            return await _ask(process, wanted)
        except BaseException as error:
            if not isinstance(error, _Undrawn):
                # Whatever it is at, its next answer would be taken for another's.
                await self._end()
            raise
        finally:
            if self._process is not None:
                loop = asyncio.get_running_loop()
                self._ending = loop.call_later(self._idle, self._end_idle)

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix=FOLDER_PREFIX, ignore_cleanup_errors=True)
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


async def _ask(process: Process, wanted: bytes) -> bytes:
    """A picture from the process. Raises _Undrawn, OSError or EOFError."""
    if process.stdin is None or process.stdout is None:
        raise OSError("the painter has no pipes")
    process.stdin.write(wanted + b"\n")
    await process.stdin.drain()
    (length,) = PICTURE_LENGTH.unpack(await process.stdout.readexactly(PICTURE_LENGTH.size))
    if not length:
        raise _Undrawn((await process.stdout.readline()).decode(errors="replace").strip())
    if length > MOST_BYTES:
        raise OSError(f"it takes {length} bytes")
    return await process.stdout.readexactly(length)


class _Undrawn(Exception):
    """The painter is well, and cannot draw this one."""


@asynccontextmanager
async def open_painter() -> AsyncIterator[Painter]:
    """A painter whose process, begun with the first picture, ends with the block."""
    painter = Painter()
    try:
        yield painter
    finally:
        await painter.close()


def _drawn_of(digest: Digest) -> Digest:
    """A digest as far as it is drawn: all who are told so much alike share a picture."""
    kinds = tuple(
        KindDigest(
            kind.kind,
            kind.bands,
            kind.tokens,
            upgrades=_first(kind.upgrades),
            downgrades=_first(kind.downgrades),
            shares_before=kind.shares_before,
            shares_after=kind.shares_after,
        )
        for kind in digest.kinds
    )
    return replace(digest, period="", from_sequence=0, through_sequence=0, kinds=kinds)


def _first(section: Section) -> Section:
    lines = (replace(line, watched=False) for line in section.lines[:PICTURE_ROWS])
    return Section(tuple(lines), section.total)
