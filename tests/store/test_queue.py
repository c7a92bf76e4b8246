"""What is next in a lane is read from the head of its lines, however much waits behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event, text

from alerts.store.engine import Store, Transaction
from alerts.store.lanes import release_lanes
from alerts.store.outbox import find_next

LANES, WAITING = 40, 500
LANE = """
INSERT INTO lanes (endpoint_id, due_at) SELECT 'ep_' || number, 0 FROM numbers WHERE number < :lanes
"""
EVENTS = """
INSERT INTO events (id, sequence, type, type_bit, audience, at, recorded_at, body)
SELECT 'evt_' || number, number, 'grade.upgraded', 1, 'everyone', 0, 0, '' FROM numbers
"""
# Of every lane's deliveries the first third wait for a first attempt, the rest for a retry.
DELIVERIES = """
INSERT INTO deliveries (id, event_id, endpoint_id, sequence, state, trigger, due_at, expires_at,
  position, attempts, interruptions, created_at)
SELECT 'dlv_' || lane.number || '_' || numbers.number, 'evt_' || numbers.number,
  'ep_' || lane.number, numbers.number, 'pending', 'schedule', numbers.number,
  4102444800000000, CASE WHEN numbers.number < :waiting / 3 THEN 0 ELSE 1 END, 0, 0, 0
FROM numbers JOIN numbers AS lane ON lane.number < :lanes
"""
NUMBERS = """
WITH RECURSIVE numbers(number) AS
  (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < :waiting - 1)
"""
# A hundred tokens, and all of each waits behind one that is tried again later.
BEHIND_ANOTHER = (
    "UPDATE events SET token = 't' || (sequence % 100), kind = 'trader'",
    "UPDATE deliveries SET token = 't' || (sequence % 100), kind = 'trader', position = 0",
    "UPDATE deliveries SET position = 1, due_at = 4000000000000000 WHERE sequence < 100",
)


@contextmanager
def noted(tx: Transaction) -> Iterator[list[tuple[str, Any]]]:
    """The statements that read a lane's deliveries, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def note(*of: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on
        if "ix_" not in of[2] and "position" in of[2]:
            statements.append((of[2], of[3]))

    connection = tx.connection.sync_connection
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


async def filled(store: Store) -> None:
    values = {"lanes": LANES, "waiting": WAITING}
    async with store.write() as tx:
        for insert in (LANE, EVENTS, DELIVERIES):
            into, rest = insert.strip().split("SELECT", 1)
            await tx.connection.execute(text(f"{into} {NUMBERS} SELECT {rest}"), values)
        await tx.connection.execute(text("ANALYZE"))


async def plans(tx: Transaction, statements: list[tuple[str, Any]]) -> str:
    prefix = "EXPLAIN" if tx.is_postgresql else "EXPLAIN QUERY PLAN"
    lines = []
    for statement, parameters in statements:
        rows = await tx.connection.exec_driver_sql(f"{prefix} {statement}", parameters)
        lines += [str(row[-1]) for row in rows]
    return "\n".join(lines)


async def test_heads_and_due_times_come_from_the_two_indexes(store: Store) -> None:
    await filled(store)
    lanes = [f"ep_{number}" for number in range(LANES)]
    async with store.write() as tx:
        with noted(tx) as statements:
            found = await find_next(tx, dict.fromkeys(lanes, 8), strict=())
            await release_lanes(tx, dict.fromkeys(lanes, "lse_none"))
        plan = await plans(tx, statements)

    assert len(found) == 8 * LANES
    assert {waiting.news.facts.sequence for waiting in found} == set(range(8))
    for index in ("ix_deliveries_fresh", "ix_deliveries_later"):
        assert plan.count(index) >= 2, plan
    for whole in (
        "Seq Scan on deliveries",
        "SCAN deliveries",
        "SCAN head",
        "ix_deliveries_endpoint_id",
    ):
        assert whole not in plan, plan


async def test_what_waits_behind_an_older_one_looks_back_by_the_events_of_its_token(
    store: Store,
) -> None:
    await filled(store)
    async with store.write() as tx:
        for statement in BEHIND_ANOTHER:
            await tx.connection.execute(text(statement))
        await tx.connection.execute(text("UPDATE lanes SET lease_id = 'lse_1'"))
        await tx.connection.execute(text("ANALYZE"))
    async with store.write() as tx:
        with noted(tx) as statements:
            found = await find_next(tx, {"ep_1": 1}, strict={"ep_1"})
            await release_lanes(tx, {"ep_1": "lse_1"}, strict={"ep_1"})
        plan = await plans(tx, statements)
        query = text("SELECT due_at FROM lanes WHERE endpoint_id = 'ep_1'")
        due = (await tx.connection.execute(query)).scalar_one()

    assert (found, due) == ([], 4000000000000000)
    # For each line of each of the two statements.
    assert plan.count("ix_events_token") >= 4, plan


async def test_a_lane_is_due_when_the_first_of_either_line_is(store: Store) -> None:
    await filled(store)
    async with store.write() as tx:
        now = await tx.now()
        later = now + timedelta(hours=1)
        values = {"now": 10**15 * 4, "lane": "ep_1"}
        await tx.connection.execute(
            text("UPDATE deliveries SET due_at = :now WHERE endpoint_id = :lane"), values
        )
        await tx.connection.execute(text("UPDATE lanes SET lease_id = 'lse_1'"))
        await release_lanes(tx, {"ep_0": "lse_1", "ep_1": "lse_1"})
        query = text("SELECT endpoint_id, due_at FROM lanes WHERE endpoint_id IN ('ep_0', 'ep_1')")
        due = {row.endpoint_id: row.due_at for row in await tx.connection.execute(query)}

    assert due["ep_1"] == values["now"]
    assert due["ep_0"] < later.timestamp() * 1_000_000
