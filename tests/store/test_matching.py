"""What SQL matches at fan-out is what the domain matches at claim and in explain."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from alerts.domain.deliveries import Channel, EndpointState, Order
from alerts.domain.events import MATCHED, RULED, Crossing, EventType, Window
from alerts.domain.grades import Cycle, Kind, TokenId, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import EventFacts, Filter, Subscription, match
from alerts.store.cipher import Cipher
from alerts.store.cycles import CycleState, Origin, find_cycle, insert_cycle, move_cycle
from alerts.store.databases import create_engine
from alerts.store.endpoints import EndpointRecord, insert_endpoint
from alerts.store.engine import Store, Transaction
from alerts.store.fan_out import fan_out_chunk
from alerts.store.subscriptions import write_subscriptions
from alerts.store.tables import deliveries, events
from tests.store.conftest import KEY, MachineClock

AT = datetime(2026, 1, 1, tzinfo=UTC)
CYCLE = "cyc_tested"
TOKENS = st.sampled_from([None, TokenId("demo:a"), TokenId("demo:b")])
KINDS = st.sampled_from(list(Kind))
# Few, so that many a threshold is the very end of a crossing.
ENDS = st.integers(0, 6)
SCORES = st.one_of(st.none(), ENDS)
WINDOWS = st.sampled_from([Window.DAY_POINTS, Window.WEEK_PERCENT])

one_subscription = st.builds(
    Subscription,
    token=TOKENS,
    kind=KINDS,
    types=st.frozensets(st.sampled_from(MATCHED), min_size=1),
    min_notches=st.integers(1, 4),
    min_delta=st.integers(0, 2000),
    since_sequence=st.integers(0, 6),
    above=SCORES,
    below=SCORES,
    other_at_least=SCORES,
    other_below=SCORES,
    window=st.none() | WINDOWS,
    rise=SCORES,
    fall=SCORES,
)
one_endpoint = st.lists(one_subscription, max_size=4, unique_by=lambda row: (row.token, row.kind))
one_event = st.builds(
    EventFacts,
    sequence=st.integers(1, 6),
    type=st.sampled_from([each for each in EventType if each not in RULED]),
    token=TOKENS,
    kind=st.one_of(st.none(), KINDS),
    notches=st.one_of(st.none(), st.integers(0, 4)),
    size=st.one_of(st.none(), st.integers(0, 2500)),
    other_score=SCORES,
)
# One that crosses something is of a token and a kind.
one_crossing = st.builds(
    EventFacts,
    sequence=st.integers(1, 6),
    type=st.just(EventType.CROSSED),
    token=TOKENS.filter(bool),
    kind=KINDS,
    notches=st.none(),
    size=st.none(),
    crossed=st.builds(Crossing, ENDS, ENDS),
    other_score=SCORES,
)
# So is one that went some way within a window, and a mark only rises.
one_move = st.builds(
    EventFacts,
    sequence=st.integers(1, 6),
    type=st.sampled_from([EventType.ROSE, EventType.FELL]),
    token=TOKENS.filter(bool),
    kind=KINDS,
    notches=st.none(),
    size=st.none(),
    crossed=st.builds(lambda start, more: Crossing(start, start + more), ENDS, st.integers(1, 3)),
    other_score=SCORES,
    window=WINDOWS,
)
some_events = st.lists(
    one_event | one_crossing | one_move,
    min_size=1,
    max_size=5,
    unique_by=lambda fact: fact.sequence,
)

Owed = set[tuple[int, str]]


def test_fan_out_and_match_agree(database_url: str) -> None:
    with asyncio.Runner() as runner:
        store = Store(create_engine(database_url), clock=MachineClock(), cipher=Cipher([KEY]))

        @settings(max_examples=60)
        @given(st.lists(one_endpoint, min_size=1, max_size=3), some_events)
        def agree(wishes: list[list[Subscription]], facts: list[EventFacts]) -> None:
            wanted = {
                (fact.sequence, f"ep_{number}")
                for number, rows in enumerate(wishes)
                for fact in facts
                if match(fact, rows) is None
            }

            owed = runner.run(_owed(store, wishes, facts))

            assert owed == wanted

        agree()
        runner.run(store.engine.dispose())


async def _owed(
    store: Store, wishes: Sequence[Sequence[Subscription]], facts: Sequence[EventFacts]
) -> Owed:
    """What fan-out writes, in a transaction that leaves nothing behind."""
    async with store.engine.connect() as connection, connection.begin() as transaction:
        tx = Transaction(connection, MachineClock())
        for number, rows in enumerate(wishes):
            await _add_endpoint(tx, f"ep_{number}", rows)
        cycle = Cycle(source_name("demo"), Kind.TRADER, AT, complete=True, grades=())
        await insert_cycle(tx, CYCLE, cycle, origin=Origin.PUSH, rejected=())
        await move_cycle(tx, CYCLE, expected=(CycleState.RECEIVED,), to=CycleState.DIFFED)
        await tx.connection.execute(insert(events), [_event_row(fact) for fact in facts])
        record = await find_cycle(tx, CYCLE)
        assert record is not None
        assert await fan_out_chunk(tx, record) is not None
        found = await tx.connection.execute(select(deliveries.c.sequence, deliveries.c.endpoint_id))
        owed = {(row.sequence, row.endpoint_id) for row in found}
        await transaction.rollback()
    return owed


async def _add_endpoint(tx: Transaction, identity: str, rows: Sequence[Subscription]) -> None:
    record = EndpointRecord(
        id=identity,
        app_id=HOUSE_APP,
        channel=Channel.WEBHOOK,
        address=b"",
        description="",
        state=EndpointState.ACTIVE,
        disabled_reason=None,
        state_since=AT,
        filter=Filter(tokens=()),
        digest=None,
        rate_limit=None,
        order=Order.NONE,
        retry_schedule_seconds=None,
        time_to_live_seconds=60,
        headers=None,
        created_at=AT,
    )
    await insert_endpoint(tx, record, address_hash=identity)
    await write_subscriptions(tx, identity, rows)


def _event_row(fact: EventFacts) -> dict[str, object]:
    is_matched = fact.type in MATCHED
    crossed_from, crossed_to = fact.crossed or (None, None)
    return {
        "id": f"evt_{fact.sequence}",
        "sequence": fact.sequence,
        "type": fact.type,
        "type_bit": 1 << MATCHED.index(fact.type) if is_matched else 0,
        "audience": "everyone",
        "kind": fact.kind,
        "token": fact.token,
        "cycle_id": CYCLE,
        "notches": fact.notches,
        "size": fact.size,
        "crossed_from": crossed_from,
        "crossed_to": crossed_to,
        "within": fact.window,
        "other_score": fact.other_score,
        "at": AT,
        "recorded_at": AT,
        "body": b"{}",
    }
