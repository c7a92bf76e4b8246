"""Any filter finds what it should, page by page, and no page reads the whole log."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final

from sqlalchemy import event, insert

from alerts.domain.deliveries import State
from alerts.store.deliveries import DeliveryRecord
from alerts.store.engine import Store, Transaction
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place
from alerts.store.tables import EPOCH, apps, deliveries, endpoints, events
from tests.log_rows import Length, app_id, endpoint_id, fill

MINUTE: Final = timedelta(minutes=1)
APPS, ENDPOINTS, EVENTS = 3, 7, 90
TOKENS: Final = (None, "demo:a", "demo:b", "demo:c")
# What a delivery may be at: state, reason, code, position, trigger.
STANDINGS: Final = (
    ("pending", None, None, 0, "schedule"),
    ("pending", "interrupted", None, 0, "schedule"),
    ("pending", "server_error", 503, 1, "schedule"),
    ("pending", None, 410, 0, "manual"),
    ("sending", None, None, 0, "schedule"),
    ("sending", "timeout", None, 2, "schedule"),
    ("delivered", None, 200, 0, "schedule"),
    ("delivered", None, 204, 3, "schedule"),
    ("dead", "timeout", None, 9, "schedule"),
    ("dead", "gone", 410, 0, "schedule"),
    ("skipped", "paused", None, 0, "schedule"),
    ("unknown", "interrupted", None, 0, "schedule"),
)

PLANNED: Final = Length(events=400, told=50, endpoints=100, apps=5, tokens=20)
# Rows of deliveries that a page of fifty may read: the heads of its lines.
ROWS_READ: Final = 4000


def _recorded_at(sequence: int) -> datetime:
    """Two events a minute."""
    return EPOCH + MINUTE * (sequence // 2)


def _made(chance: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Rows by table: a third of all pairs of an event and an endpoint is a delivery."""
    made: dict[str, list[dict[str, Any]]] = {"events": [], "deliveries": []}
    made["apps"] = [{"id": app_id(n), "name": str(n), "created_at": EPOCH} for n in (1, 2)]
    made["endpoints"] = [
        {
            "id": endpoint_id(number),
            "app_id": app_id(number % APPS),
            "channel": "webhook",
            "address": b"",
            "address_hash": str(number),
            "description": "",
            "state": "active",
            "state_since": EPOCH,
            "filter": {"tokens": None, "kinds": [], "types": [], "min_notches": 1, "min_delta": 0},
            "order": "none",
            "time_to_live_seconds": 1,
            "created_at": EPOCH,
        }
        for number in range(ENDPOINTS)
    ]
    for sequence in range(1, EVENTS + 1):
        token = chance.choice(TOKENS)
        kind = None if token is None else chance.choice(("trader", "fundamental"))
        identity = f"evt_{sequence:026}"
        about = {"sequence": sequence, "token": token, "kind": kind}
        made["events"].append(
            {
                **about,
                "id": identity,
                "type": "grade.upgraded",
                "type_bit": 1,
                "audience": "everyone",
                "at": EPOCH,
                "recorded_at": _recorded_at(sequence),
                "body": b"",
            }
        )
        for number in range(ENDPOINTS):
            if chance.random() < 1 / 3:
                state, reason, code, position, trigger = chance.choice(STANDINGS)
                is_open = state in {"pending", "sending"}
                made["deliveries"].append(
                    {
                        **about,
                        "id": f"dlv_{chance.getrandbits(64):026}",
                        "event_id": identity,
                        "endpoint_id": endpoint_id(number),
                        "app_id": app_id(number % APPS),
                        "state": state,
                        "reason": reason,
                        "status_code": code,
                        "position": position,
                        "trigger": trigger,
                        "due_at": EPOCH,
                        "expires_at": EPOCH,
                        "attempts": 1,
                        "interruptions": 0,
                        "created_at": EPOCH,
                        "ended_at": None if is_open else EPOCH,
                    }
                )
    return made


def _asked(chance: random.Random) -> tuple[str | None, LogFilter]:
    """Somebody's question: whose log, and which part of it."""

    def perhaps(*words: Any) -> Any:  # noqa: ANN401 - one of them, or None.
        return chance.choice((*[None] * 3 * len(words), *words))

    whose = perhaps(*(app_id(number) for number in range(APPS)), "app_nobody")
    moments = [_recorded_at(chance.randrange(EVENTS)) for _ in range(2)]
    return whose, LogFilter(
        endpoint_id=perhaps(*(endpoint_id(number) for number in range(3))),
        state=perhaps(*State),
        reason=perhaps("timeout", "interrupted", "gone"),
        token=perhaps("demo:a", "demo:b", "demo:nothing"),
        kind=perhaps("trader", "fundamental"),
        code=perhaps(204, 410, 599),
        since=perhaps(min(moments)),
        until=perhaps(max(moments)),
    )


def _is_wanted(row: dict[str, Any], whose: str | None, wanted: LogFilter) -> bool:
    """The same question, asked of one row."""
    asked = {
        "app_id": whose,
        "endpoint_id": wanted.endpoint_id,
        "state": wanted.state,
        "reason": wanted.reason,
        "token": wanted.token,
        "kind": wanted.kind,
        "status_code": wanted.code,
    }
    recorded_at = _recorded_at(row["sequence"])
    return (
        all(value is None or row[name] == value for name, value in asked.items())
        and (wanted.since is None or recorded_at >= wanted.since)
        and (wanted.until is None or recorded_at < wanted.until)
    )


def _place(record: DeliveryRecord) -> Place:
    return Place(record.sequence, record.endpoint_id)


async def _pages(
    store: Store, whose: str | None, wanted: LogFilter, *, limit: int
) -> list[DeliveryRecord]:
    """Page by page to the end."""
    found: list[DeliveryRecord] = []
    while True:
        before = _place(found[-1]) if found else None
        async with store.read() as tx:
            page = await list_deliveries(tx, wanted, app_id=whose, before=before, limit=limit)
        found += page
        if len(page) < limit:
            return found


async def test_every_question_is_answered_in_order_and_in_full(store: Store) -> None:
    chance = random.Random(20)
    made = _made(chance)
    async with store.write() as tx:
        for table in (apps, endpoints, events, deliveries):
            await tx.connection.execute(insert(table), made[table.name])
    answered = 0

    for _ in range(150):
        whose, wanted = _asked(chance)
        expected = [row for row in made["deliveries"] if _is_wanted(row, whose, wanted)]
        expected.sort(key=lambda row: (row["sequence"], row["endpoint_id"]), reverse=True)

        found = await _pages(store, whose, wanted, limit=chance.choice((4, 30, 1000)))

        assert [one.id for one in found] == [row["id"] for row in expected], (whose, wanted)
        answered += bool(found)
    assert answered > 50


QUESTIONS: Final = {
    "everything": LogFilter(),
    "endpoint": LogFilter(endpoint_id=endpoint_id(1)),
    "state": LogFilter(state="dead"),
    "open": LogFilter(state="pending"),
    "reason": LogFilter(reason="timeout"),
    "code": LogFilter(code=410),
    "kind": LogFilter(kind="trader"),
    "token": LogFilter(token="demo:3"),
    "time": LogFilter(since=EPOCH + 30 * 1440 * MINUTE, until=EPOCH + 31 * 1440 * MINUTE),
    "endpoint and state": LogFilter(endpoint_id=endpoint_id(1), state="dead"),
    "endpoint and token": LogFilter(endpoint_id=endpoint_id(1), token="demo:3"),
    "token and state": LogFilter(token="demo:3", state="dead"),
    "state and kind, since": LogFilter(state="dead", kind="trader", since=EPOCH + 1440 * MINUTE),
    "nothing": LogFilter(state="dead", reason="paused"),
}


async def test_no_page_reads_or_sorts_the_whole_log(store: Store) -> None:
    await fill(store, PLANNED)
    seen = 0
    middle = Place(PLANNED.events // 2, endpoint_id(3))
    for whose, (name, wanted), before in product(
        (None, app_id(2), app_id(0)), QUESTIONS.items(), (None, middle)
    ):
        async with store.read() as tx:
            with _noted(tx) as statements:
                await list_deliveries(tx, wanted, app_id=whose, before=before, limit=51)
            seen += len(statements)
            if tx.is_postgresql:
                read = [await _rows_read(tx, *statement) for statement in statements]
                assert sum(read) < ROWS_READ, (name, whose, before, read)
            else:
                for statement in statements:
                    await _is_searched(tx, *statement)
    assert seen > 100


@contextmanager
def _noted(tx: Transaction) -> Iterator[list[tuple[str, Any]]]:
    """The statements of a block that speak of deliveries, as the driver gets them."""
    statements: list[tuple[str, Any]] = []

    def note(*of: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on.
        if "deliveries" in of[2]:
            statements.append((of[2], of[3]))

    connection = tx.connection.sync_connection
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


async def _is_searched(tx: Transaction, statement: str, given: Any) -> None:  # noqa: ANN401 - the driver's.
    """SQLite tells how it reads: by an index, and in its order where it stops at a limit."""
    told = await tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
    plan = [row[-1] for row in told]
    assert not [step for step in plan if step.startswith(("SCAN found", "SCAN deliveries"))], plan
    if "aggregate_strings" in statement or "group_concat" in statement:
        assert not [step for step in plan if "TEMP B-TREE" in step], plan


async def _rows_read(tx: Transaction, statement: str, given: Any) -> float:  # noqa: ANN401 - the driver's.
    """PostgreSQL tells how many rows of deliveries it read."""
    told = await tx.connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given)
    ((plan,),) = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in told]
    nodes, read = [plan["Plan"]], 0.0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node.get("Relation Name") == "deliveries":
            assert node["Node Type"] != "Seq Scan", plan
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            read += rows * node["Actual Loops"]
    return read
