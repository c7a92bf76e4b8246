"""The picture of a week: drawn elsewhere, once, and never missed by its digest."""

import asyncio
import os
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
import structlog.testing
from PIL import Image, ImageChops, ImageStat

from alerts.channels.discord_messages import Picture, render
from alerts.channels.discord_painter import MOST_BYTES, Painter, open_painter
from alerts.domain.digests import Section
from alerts.domain.summaries import Wants
from tests.channels.made_weeks import body_of, week_of
from tests.pipeline.conftest import until

GOLDEN = Path(__file__).parent.parent / "golden" / "discord"
PNG = b"\x89PNG\r\n\x1a\n"


def picture_of(changes: int) -> Picture:
    picture = render(body_of(week_of(changes))).picture
    assert picture is not None
    return picture


@pytest.fixture
async def painter() -> AsyncIterator[Painter]:
    async with open_painter() as opened:
        yield opened


def painter_of(code: str, **limits: float) -> Painter:
    """A painter whose process is this Python code."""
    return Painter(program=(sys.executable, "-c", code), **({"timeout_seconds": 30} | limits))


def numbering(before: str) -> str:
    """Code that draws a picture of its own number, after doing something before each."""
    return (
        "import os, struct, sys, time\n"
        "for number, line in enumerate(sys.stdin):\n"
        f"    {before}\n"
        "    sys.stdout.buffer.write(struct.pack('!I', 1) + b'%d' % number)\n"
        "    sys.stdout.buffer.flush()\n"
    )


def waiting_for(gate: Path) -> str:
    """Code that draws nothing until there is such a file."""
    return numbering(f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)")


@pytest.mark.parametrize("changes", [0, 1, 500])
async def test_a_picture_is_a_png_that_is_small_and_wider_than_high(
    painter: Painter, changes: int
) -> None:
    drawn = await painter.paint(picture_of(changes))

    assert drawn is not None
    assert drawn.startswith(PNG)
    assert len(drawn) <= MOST_BYTES
    width, height = struct.unpack("!II", drawn[16:24])
    assert width == 1100
    assert 400 <= height <= 800


@pytest.mark.parametrize("changes", [0, 1, 500])
async def test_a_week_is_drawn_as_it_was(painter: Painter, changes: int) -> None:
    drawn = await painter.paint(picture_of(changes))

    assert drawn is not None
    now, known = pixels(drawn), pixels((GOLDEN / f"week.{changes}.png").read_bytes())
    assert now.size == known.size
    # Another release of the library may round the edge of a letter otherwise.
    apart = ImageStat.Stat(ImageChops.difference(now, known))
    assert max(apart.mean) < 1


def pixels(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


async def has_ended(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


async def test_any_week_can_be_drawn(painter: Painter) -> None:
    whole = week_of(40)
    (fundamental, trader) = whole.kinds
    odd = [
        replace(whole, kinds=(trader,), weeks=3),
        replace(whole, kinds=(replace(trader, shares_before=(), shares_after=()),)),
        replace(
            whole, kinds=(replace(trader, bands=("One",), shares_before=(4,), shares_after=(3,)),)
        ),
        replace(whole, kinds=(fundamental, replace(trader, tokens=0))),
    ]

    for digest in odd:
        message = render(body_of(digest))
        assert message.picture is not None
        drawn = await painter.paint(message.picture)
        assert drawn is not None
        assert drawn.startswith(PNG)


async def test_a_token_whose_symbol_the_font_has_not_is_drawn_by_its_name(painter: Painter) -> None:
    whole = week_of(1)
    (trader,) = [kind for kind in whole.kinds if kind.downgrades.total]
    (line,) = trader.downgrades.lines

    drawn = []
    for symbol, name in (("日本円", "Yen"), ("Yen", ""), ("日本円", "円")):
        token = replace(line.token, symbol=symbol, name=name)
        section = Section((replace(line, token=token),), 1)
        digest = replace(whole, kinds=(replace(trader, downgrades=section),))
        drawn.append(await painter.paint(Picture(digest, alt="")))

    assert drawn[0] == drawn[1] != drawn[2]
    assert None not in drawn


async def test_the_same_week_is_drawn_once_for_all_who_are_told_it() -> None:
    painter = painter_of(numbering("pass"))
    first, other = picture_of(500), picture_of(1)
    # Another's digest, which has more lines and marks, is drawn alike.
    told_by_another = replace(first, digest=week_of(500, wants=Wants(top=9)))
    assert told_by_another.digest != first.digest

    drawn = await asyncio.gather(*(painter.paint(one) for one in (first, told_by_another, other)))

    await painter.close()
    assert set(drawn) == {b"0", b"1"}
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(1)",
        "import sys; sys.stdin.readline(); sys.stdout.buffer.write(b'\\0\\0')",
        "import sys; sys.stdin.readline(); print('\\0\\0\\0\\0ValueError: no', flush=True)",
        "import sys; sys.stdin.readline(); sys.stdout.buffer.write(b'\\xff' * 8)",
    ],
    ids=["it ends", "it ends in the middle", "it cannot", "it is too large"],
)
async def test_a_picture_that_cannot_be_drawn_is_none_and_a_line_of_log(
    code: str,
) -> None:
    painter = painter_of(code)

    with structlog.testing.capture_logs() as lines:
        drawn = await painter.paint(picture_of(1))

    await painter.close()
    assert drawn is None
    assert [line["event"] for line in lines] == ["picture.failed"]


async def test_one_that_takes_too_long_is_not_waited_for_and_its_process_is_ended() -> None:
    painter = painter_of("import time; time.sleep(600)", timeout_seconds=0.3)

    assert await painter.paint(picture_of(1)) is None
    # For a while nothing is tried again: others need not wait as long.
    async with asyncio.timeout(0.25):
        assert await painter.paint(picture_of(1)) is None

    await painter.close()


async def test_what_many_others_take_to_draw_is_not_counted() -> None:
    painter = painter_of(numbering("time.sleep(0.4)"), timeout_seconds=1.5)

    drawn = await asyncio.gather(*(painter.paint(picture_of(changes)) for changes in range(5)))

    await painter.close()
    assert drawn == [b"0", b"1", b"2", b"3", b"4"]


async def test_who_has_waited_too_long_goes_without_and_keeps_nobody_from_a_picture(
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    painter = painter_of(waiting_for(gate), patience_seconds=0.05)
    drawing = asyncio.create_task(painter.paint(picture_of(0)))

    await asyncio.sleep(0)

    with structlog.testing.capture_logs() as lines:
        assert await painter.paint(picture_of(1)) is None

    gate.touch()
    assert await drawing == b"0"
    assert await painter.paint(picture_of(1)) == b"1"
    await painter.close()
    assert [line["problem"] for line in lines] == ["too many others were drawn before it"]


async def test_one_that_cannot_be_drawn_keeps_nobody_from_a_picture() -> None:
    odd = "if not number: print('\\0\\0\\0\\0ValueError: no', flush=True); continue"
    painter = painter_of(numbering(odd))

    drawn = [await painter.paint(picture_of(changes)) for changes in (0, 1)]

    await painter.close()
    assert drawn == [None, b"1"]


async def test_a_worker_that_stops_waits_for_no_more_pictures(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    painter = painter_of(waiting_for(gate))
    drawing = asyncio.create_task(painter.paint(picture_of(0)))
    waiting = asyncio.create_task(painter.paint(picture_of(1)))
    await asyncio.sleep(0)

    painter.stop()

    gate.touch()
    assert {await drawing, await waiting} == {b"0", None}
    await painter.close()


async def test_a_painter_that_nobody_needs_ends_and_another_is_begun() -> None:
    code = (
        "import os, struct, sys\n"
        "for line in sys.stdin:\n"
        "    said = str(os.getpid()).encode()\n"
        "    sys.stdout.buffer.write(struct.pack('!I', len(said)) + said)\n"
        "    sys.stdout.buffer.flush()\n"
    )
    painter = Painter(program=(sys.executable, "-c", code), idle_seconds=0)
    first = await painter.paint(picture_of(0))
    assert first is not None
    await until(partial(has_ended, int(first)))

    second = await painter.paint(picture_of(1))

    await painter.close()
    assert second not in {None, first}


def test_what_draws_is_loaded_by_its_own_process_alone() -> None:
    code = "import sys, alerts.channels.discord_painter; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
