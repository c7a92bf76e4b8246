"""The sandbox's days: each is swept once, also over a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest

from alerts.bootstrap import Services, SystemClock, open_services
from alerts.settings import Settings
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.roster import LAST_DAY
from alerts.sources.sandbox.server import open_sandbox
from alerts.store.cycles import list_cycles
from tests.cli.conftest import KEYS
from workers.days import Days
from workers.schedule import SCHEDULE


@asynccontextmanager
async def sandboxed(url: str, calendar: VirtualClock) -> AsyncIterator[Services]:
    """Services whose source is a sandbox with this calendar."""
    app = create_sandbox(market=Market(seed=1, size=30), clock=calendar)
    given = {name.lower(): value for name, value in KEYS.items()}
    settings = Settings.model_validate({**given, "database_url": url})
    async with (
        open_sandbox(app) as sandbox_url,
        open_services(settings, sandbox_url=sandbox_url) as services,
    ):
        yield services


@pytest.fixture
def calendar() -> VirtualClock:
    return VirtualClock(clock=SystemClock())


async def days_swept(services: Services) -> list[date]:
    async with services.store.read() as tx:
        found = await list_cycles(tx, before=None, limit=50, kind="trader")
    return sorted(cycle.as_of.date() for cycle in found)


async def test_the_first_pass_sweeps_two_days_and_each_other_one(
    sqlite_url: str, calendar: VirtualClock
) -> None:
    async with sandboxed(sqlite_url, calendar) as services:
        days = Days(calendar)
        await days.begin(services.store)

        await days.pass_day(services)
        await days.pass_day(services)

        assert [day.day for day in await days_swept(services)] == [1, 2, 3]
        # What is said of a source goes by the settings, which know nothing of such days.
        assert services.settings.trader_interval_seconds == 3600


async def test_a_restart_goes_on_one_day_after(sqlite_url: str, calendar: VirtualClock) -> None:
    async with sandboxed(sqlite_url, calendar) as services:
        await Days(calendar).pass_day(services)
    again = VirtualClock(clock=SystemClock())

    async with sandboxed(sqlite_url, again) as services:
        days = Days(again)
        await days.begin(services.store)
        await days.pass_day(services)

        assert [day.day for day in await days_swept(services)] == [1, 2, 3]


async def test_after_the_last_day_nothing_is_swept(sqlite_url: str, calendar: VirtualClock) -> None:
    calendar.today = LAST_DAY
    async with sandboxed(sqlite_url, calendar) as services:
        days = Days(calendar)
        await days.pass_day(services)
        await days.pass_day(services)

        assert await days_swept(services) == [LAST_DAY]


def test_a_day_takes_the_place_of_polling(calendar: VirtualClock) -> None:
    names = [entry.name for entry in Days(calendar).schedule(60)]

    assert sorted(names) == sorted(
        {entry.name for entry in SCHEDULE} - {"poll_sources"} | {"pass_day"}
    )
