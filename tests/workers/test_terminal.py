"""What `up` says, from the wide events it hears."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.console import Console

from alerts.bootstrap import Services
from alerts.telemetry import LogFormat, Step, configure
from tests.cli.conftest import KEYS
from tests.receiver import Receiver, Reply
from tests.workers.installation import opened, push, subscribe, wait_for_states
from workers.inline import run_clock
from workers.terminal import View
from workers.worker import work


class Screen:
    """A view on paper."""

    def __init__(self) -> None:
        self._paper = io.StringIO()
        console = Console(file=self._paper, soft_wrap=True, highlight=False)
        self.view = View(console)

    @property
    def lines(self) -> list[str]:
        return self._paper.getvalue().splitlines()


@asynccontextmanager
async def shown(services: Services) -> AsyncIterator[Screen]:
    """A worker at work while its view hears it; all is printed once this has ended."""
    screen, stop = Screen(), asyncio.Event()
    configure(LogFormat.CONSOLE, "INFO", tell=screen.view.hear)
    viewing = asyncio.create_task(screen.view.run(services.store))
    working = asyncio.create_task(work(services, stop, run_clock))
    try:
        yield screen
    finally:
        stop.set()
        await working
        screen.view.end()
        await viewing
        configure(LogFormat.JSON, "ERROR")


@pytest.fixture
def settings(sqlite_url: str) -> dict[str, str]:
    return {**KEYS, "DATABASE_URL": sqlite_url, "SOURCE": "none"}


async def test_a_cycle_is_told_in_a_few_lines(settings: dict[str, str]) -> None:
    async with Receiver() as receiver:
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver)
            async with shown(services) as screen:
                await push(services, 0, tokens=9)
                await push(services, 1, tokens=9)
                await wait_for_states(services, {"delivered": 9})

    head = "2026-03-01 trader  models: 9 grades"
    assert screen.lines[0] == f"{head}, the first cycle, which others are compared with"
    assert screen.lines[1] == "2026-03-02 trader  models: 9 grades, 9 changes"
    assert [line.split()[:2] for line in screen.lines[2:8]] == [
        ["▲", str(token)] for token in range(6)
    ]
    assert screen.lines[2].endswith("Neutral → Strong Buy  50 → 85")
    assert screen.lines[8] == "  … and 3 more (3 upgraded)"
    assert screen.lines[9] == "  ✓ 9 delivered; 0 verified by the sample receiver"
    assert len(screen.lines) == 10


async def test_a_day_that_is_read_again_is_not_taken_for_the_first(
    settings: dict[str, str],
) -> None:
    async with opened(settings) as services, shown(services) as screen:
        for day in (0, 0, 1, 1):
            await push(services, day, tokens=9)

    assert [
        line.partition(", ")[2].partition(",")[0] for line in screen.lines if "grades" in line
    ] == ["the first cycle", "the first cycle", "9 changes", "no change"]


async def test_what_is_not_delivered_is_said(settings: dict[str, str]) -> None:
    async with Receiver() as receiver:
        receiver.script("*", Reply(500))
        settings["TRUSTED_DESTINATIONS"] = receiver.destination
        async with opened(settings) as services:
            await subscribe(services, receiver)
            async with shown(services) as screen:
                await push(services, 0, tokens=1)
                await push(services, 1, tokens=1)
                await receiver.wait_for(1)

    assert screen.lines[-1] == (
        "  ! 0 of 1 delivered so far, 1 deferred; 0 verified by the sample receiver"
    )


async def test_trouble_is_a_line(settings: dict[str, str]) -> None:
    screen = Screen()
    async with opened(settings) as services:
        viewing = asyncio.create_task(screen.view.run(services.store))
        screen.view.hear(
            {
                "event": Step.SOURCE_TROUBLED.value,
                "kind": "trader",
                "state": "failing",
                "detail": "/v2/tm-grade page 1: 503",
                "wait_seconds": 5,
            }
        )
        screen.view.hear({"event": "something.else"})
        screen.view.end()
        await viewing

    assert screen.lines == ["! trader: failing, next try in 5 s (/v2/tm-grade page 1: 503)"]


async def test_a_held_cycle_says_how_to_decide(settings: dict[str, str]) -> None:
    async with opened(settings) as services, shown(services) as screen:
        await push(services, 0, tokens=9)
        await push(services, 1, tokens=2)

    assert "; held (too_few_tokens), decide: gradebell cycle release cyc_" in screen.lines[-1]
