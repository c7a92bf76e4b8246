"""What a source said becomes cycles, whatever characters and dates are in it."""

import json
from pathlib import Path

import httpx
import pytest

from alerts.api.ingest import read_push
from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.domain.readings import Reading, RejectedRow
from alerts.pipeline.receive import receive
from alerts.sources.file import read_file
from alerts.sources.token_metrics import TokenMetrics
from alerts.store.cycles import CycleState, Origin, list_rejected, open_cycles
from tests.pipeline.conftest import SOURCE, day, feed, grades_of
from workers.jobs import finish_cycles

# PostgreSQL stores no NUL, and no driver sends half a surrogate pair.
UNSTORABLE = "a\0b\u202e"


async def from_upstream(services: Services) -> Reading:
    rows = [{"TOKEN_ID": 1, "TM_GRADE": 50}, {"TOKEN_ID": UNSTORABLE, "TM_GRADE": 50}]
    page = json.dumps({"success": True, "data": rows}).encode()
    async with httpx.AsyncClient() as client:
        source = TokenMetrics(name=SOURCE, client=client, api_key="x", clock=services.clock)
        return source.read(Kind.TRADER, [page], undated=day(0))


def from_file(path: Path) -> Reading:
    rows = [
        {"kind": "trader", "as_of": "2026-01-01", "token_id": one, "score": 50}
        for one in ("1", UNSTORABLE)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read_file(path, source=SOURCE, latest=None)
    return Reading({day(0): found.grades[Kind.TRADER, day(0)]}, found.rejected)


def from_push() -> Reading:
    rows = [{"token_id": one, "score": 50} for one in ("1", UNSTORABLE)]
    body = {"source": SOURCE, "kind": "trader", "as_of": "2026-01-01", "grades": rows}
    push = read_push(json.dumps(body).encode(), day(1))
    return Reading({push.cycle.as_of: push.cycle.grades}, push.rejected)


@pytest.mark.parametrize("door", ["upstream", "file", "push"])
async def test_an_id_that_no_database_stores_costs_its_row_alone(
    services: Services, tmp_path: Path, door: str
) -> None:
    if door == "upstream":
        reading = await from_upstream(services)
    else:
        reading = from_push() if door == "push" else from_file(tmp_path / "rows.ndjson")

    kept = await keep(services, reading)

    assert [row.row for row in kept] == [2]
    assert len(reading.grades[day(0)]) == 1


async def test_what_is_wrong_with_a_row_is_stored_whatever_it_quotes(services: Services) -> None:
    bad = f"{UNSTORABLE}\udc80"
    rejected = RejectedRow(2, bad, f"is not {bad}")

    (kept,) = await keep(services, Reading({day(0): grades_of({"a": 50})}, (rejected,)))

    assert kept.token_id == "a\ufffdb\ufffd\ufffd"
    assert kept.problem == "is not a\ufffdb\ufffd\ufffd"


async def test_a_reading_of_many_dates_is_compared_newest_first_after_a_crash_too(
    services: Services,
) -> None:
    reading = Reading({day(number): grades_of({f"t{number}": 50}) for number in range(6)})
    async with services.store.write() as tx:
        received = await receive(
            tx,
            reading,
            source=SOURCE,
            kind=Kind.TRADER,
            complete=True,
            origin=Origin.POLL,
        )

    async with services.store.read() as tx:
        waiting = await open_cycles(tx, CycleState.RECEIVED)
    await finish_cycles(services)

    assert waiting == received
    assert await feed(services) == []


async def keep(services: Services, reading: Reading) -> list[RejectedRow]:
    """Receive one cycle; what is stored of the rows it left out."""
    async with services.store.write() as tx:
        (cycle_id,) = await receive(
            tx,
            reading,
            source=SOURCE,
            kind=Kind.TRADER,
            complete=True,
            origin=Origin.PUSH,
        )
    async with services.store.read() as tx:
        return await list_rejected(tx, cycle_id)
