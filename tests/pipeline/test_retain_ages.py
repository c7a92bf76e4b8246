"""Each thing is kept for its own time, and forgotten while others write."""

import asyncio
import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Table, func, insert, select

from alerts.bootstrap import Services, open_services
from alerts.domain.ids import CYCLE, SECRET, SWEEP, make_id
from alerts.pipeline.retain import BATCH, drop_old
from alerts.store.counters import add_to_counter
from alerts.store.engine import Transaction
from alerts.store.retention import drop_cycles, drop_rejected_rows, drop_secrets, drop_sweeps
from alerts.store.tables import (
    attempts,
    cycles,
    deliveries,
    endpoint_secrets,
    events,
    grades,
    rejected_rows,
    sweeps,
    watermarks,
)
from tests.log_rows import Length, fill
from tests.pipeline.conftest import (
    TurnedClock,
    day,
    dispatch,
    push,
    settings_for,
    subscribe,
    upgrade_tokens,
)
from tests.receiver import Receiver

DAY = timedelta(days=1)


async def counts(services: Services, *tables: Table) -> list[int]:
    async with services.store.read() as tx:
        return [
            (await tx.connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in tables
        ]


async def test_each_is_kept_for_its_own_time(sqlite_url: str, receiver: Receiver) -> None:
    clock = TurnedClock(day(0))
    settings = settings_for(
        sqlite_url,
        trusted_destinations=receiver.destination,
        retain_deliveries_days=2,
        retain_events_days=5,
        retain_grades_days=9,
    )
    async with open_services(settings, clock=clock) as services:
        await subscribe(services, receiver.url())
        await push(services, day(-3), {"a": 51.0})
        await upgrade_tokens(services, ["a"], since=-2)
        await dispatch(services)
        left = {}
        for age in (2, 3, 5, 6, 9, 10):
            clock.at = day(age)
            await drop_old(settings.kept, store=services.store)
            left[age] = await counts(services, deliveries, attempts, events, grades, cycles)

    # A grade is as old as its `as_of`, here one to three days before it came.
    assert left == {
        2: [1, 1, 1, 3, 3],
        3: [0, 0, 1, 3, 3],
        5: [0, 0, 1, 3, 3],
        6: [0, 0, 0, 3, 3],
        9: [0, 0, 0, 1, 3],
        10: [0, 0, 0, 1, 1],
    }


async def add(tx: Transaction, table: Table, *rows: dict[str, Any]) -> None:
    await tx.connection.execute(insert(table), list(rows))


def cycle(at: datetime, state: str, **more: object) -> dict[str, Any]:
    known = {"source": "demo", "kind": "trader", "as_of": at, "origin": "push", "complete": True}
    numbers = {"tokens": 1, "graded": 1, "rejected": 1, "events": 0}
    made = make_id(CYCLE, at, os.urandom(10))
    return {"id": made, "state": state, "received_at": at, **known, **numbers, **more}


def sweep(at: datetime, state: str, kind: str) -> dict[str, Any]:
    progress = {"next_page": 1, "failures": 0, "not_before": at, "started_at": at}
    made = make_id(SWEEP, at, os.urandom(10))
    return {"id": made, "source": "demo", "kind": kind, "as_of": at, "state": state, **progress}


async def ids(tx: Transaction, table: Table) -> set[str]:
    return set((await tx.connection.execute(select(table.c[0]))).scalars())


async def test_a_cycle_that_is_needed_stays_however_old(services: Services) -> None:
    async with services.store.write() as tx:
        now = await tx.now()
        old = now - 30 * DAY
        going = [cycle(old, "done"), cycle(old, "discarded")]
        states = ("received", "sealed", "diffed", "held")
        last, young = cycle(old, "done"), cycle(now, "done")
        staying = [*(cycle(old, state) for state in states), last, young]
        await add(tx, cycles, *going, *staying)
        mark = {"source": "demo", "kind": "trader", "version": 1, "cycle_id": last["id"]}
        await add(tx, watermarks, mark)
        rows = [{"cycle_id": one["id"], "row": 1, "problem": "?"} for one in (*going, young)]
        await add(tx, rejected_rows, *rows)

        too_early = await drop_cycles(tx, now - DAY, 10)
        rejected = [await drop_rejected_rows(tx, now - DAY, 1) for _ in range(3)]
        gone = [await drop_cycles(tx, now - DAY, 1) for _ in range(3)]

        assert (too_early, rejected, gone) == (0, [1, 1, 0], [1, 1, 0])
        assert await ids(tx, cycles) == {one["id"] for one in staying}
        assert await ids(tx, rejected_rows) == {young["id"]}


async def test_of_sweeps_the_newest_and_the_one_under_way_stay(services: Services) -> None:
    async with services.store.write() as tx:
        now = await tx.now()
        ages = (40, 30, 20)
        done = [sweep(now - age * DAY, "done", "trader") for age in ages]
        failed = sweep(now - 50 * DAY, "failed", "fundamental")
        fetching = sweep(now - 35 * DAY, "fetching", "fundamental")
        await add(tx, sweeps, *done, failed, fetching)

        gone = [await drop_sweeps(tx, now - DAY, 2) for _ in range(3)]

        assert gone == [2, 1, 0]
        assert await ids(tx, sweeps) == {done[-1]["id"], fetching["id"]}


async def test_secrets_go_some_time_after_they_signed_last(services: Services) -> None:
    async with services.store.write() as tx:
        now = await tx.now()
        ends = (None, now + DAY, now - DAY, now - 3 * DAY)
        made = [
            {"id": f"{SECRET}{number}", "secret": b"", "created_at": now, "expires_at": end}
            for number, end in enumerate(ends)
        ]
        await add(tx, endpoint_secrets, *({**one, "endpoint_id": "ep_1"} for one in made))

        assert await drop_secrets(tx, now - 2 * DAY, 10) == 1
        assert await ids(tx, endpoint_secrets) == {one["id"] for one in made[:3]}


async def test_others_write_between_two_batches(database_url: str) -> None:
    settings = settings_for(database_url, retain_deliveries_days=1)
    async with open_services(settings) as services:
        store = services.store
        await fill(store, Length(events=40, told=50, endpoints=60, apps=2, tokens=5))
        began, written = asyncio.Event(), 0

        async def write() -> None:
            nonlocal written
            while True:
                async with store.write() as tx:
                    await add_to_counter(tx, "written", 1)
                written += 1
                began.set()

        writing = asyncio.create_task(write())
        await began.wait()
        gone = await drop_old(settings.kept, store=store)
        writing.cancel()
        open_ones = await counts(services, deliveries)

    assert gone > 6 * BATCH
    assert written > 6
    assert open_ones == [25]


@pytest.mark.parametrize(
    "days",
    [
        {"retain_deliveries_days": 0},
        {"retain_grades_days": 36_500},
        {"retain_deliveries_days": 100, "retain_events_days": 99},
    ],
    ids=["at once", "a century", "events before their deliveries"],
)
def test_times_that_make_no_sense_are_refused(days: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=r"(?i)retain_\w+_days"):
        settings_for("sqlite+aiosqlite://", **days)
