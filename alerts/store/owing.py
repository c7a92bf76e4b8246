"""A new delivery, column by column, for one event and one endpoint or for many at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    Select,
    Text,
    bindparam,
    case,
    cast,
    literal,
    null,
    type_coerce,
    union_all,
)

from alerts.domain.deliveries import SKIPPED_WHILE, EndpointState, State, Trigger
from alerts.domain.events import EventType
from alerts.domain.ids import DELIVERY, make_id
from alerts.store.endpoints import Recipient
from alerts.store.engine import OR_FAIL, Transaction, insert_on
from alerts.store.events import EventRecord
from alerts.store.fresh_ids import fresh_id, fresh_ids
from alerts.store.tables import deliveries, endpoints, events

# A week's news is none of today's: it is told for longer than a channel's instant news may be.
DIGEST_TIME_TO_LIVE: Final = timedelta(hours=72)


def owed(
    event: EventRecord,
    endpoint: Recipient,
    now: datetime,
    *,
    distinct: bytes,
    due_at: datetime | None = None,
) -> dict[str, object]:
    """A delivery's row. distinct: ten random bytes, new for each. due_at: None is now."""
    skip = SKIPPED_WHILE.get(endpoint.state)
    return {
        "id": make_id(DELIVERY, now, distinct),
        "event_id": event.id,
        "endpoint_id": endpoint.id,
        "app_id": endpoint.app_id,
        "sequence": event.sequence,
        "token": event.token,
        "kind": event.kind,
        "state": State.PENDING if skip is None else State.SKIPPED,
        "reason": skip,
        "trigger": Trigger.SCHEDULE,
        "due_at": due_at or now,
        "expires_at": event.recorded_at + _lives(event, endpoint),
        "position": 0,
        "attempts": 0,
        "interruptions": 0,
        "created_at": now,
        "ended_at": None if skip is None else now,
    }


def _lives(event: EventRecord, endpoint: Recipient) -> timedelta:
    lives = timedelta(seconds=endpoint.time_to_live_seconds)
    return max(lives, DIGEST_TIME_TO_LIVE) if event.type is EventType.DIGEST_WEEKLY else lives


async def owe_found(tx: Transaction, statement: Insert, given: Mapping[str, object]) -> int:
    """Write the deliveries of a statement made by `owing`; how many. given: what else it needs."""
    now = await tx.now()
    values = {**given, "now": now, "ids": fresh_ids(tx, DELIVERY, now)}
    return (await tx.connection.execute(statement, values)).rowcount


def owing(found: Sequence[Select[tuple[str, str]]], *, is_postgresql: bool) -> Insert:
    """These (event, endpoint) as deliveries, each once, in one statement.

    found: looks at events, each joined with what names the endpoints. An endpoint deleted since
    the look-up has taken its lane along; nothing is owed to it.
    """
    values = _columns(is_postgresql=is_postgresql)
    rows = union_all(
        *(
            look.join(
                endpoints, endpoints.c.id == look.selected_columns.endpoint_id
            ).with_only_columns(*values.values())
            for look in found
        )
    )
    return (
        insert_on(deliveries, is_postgresql=is_postgresql)
        .from_select(list(values), rows)
        .prefix_with(OR_FAIL, dialect="sqlite")
        .on_conflict_do_nothing(index_elements=["event_id", "endpoint_id"])
    )


def _columns(*, is_postgresql: bool) -> dict[str, ColumnElement[Any]]:
    """A new delivery, column by column, out of its event and its endpoint."""
    state = endpoints.c.state
    is_active = state == EndpointState.ACTIVE
    moment = bindparam("now", type_=deliveries.c.due_at.type)
    lives = cast(endpoints.c.time_to_live_seconds, BigInteger) * literal(1_000_000, BigInteger)
    return {
        "id": fresh_id(
            bindparam("ids", type_=Text),
            sequence=events.c.sequence,
            table=endpoints.name,
            is_postgresql=is_postgresql,
        ),
        "event_id": events.c.id,
        "endpoint_id": endpoints.c.id,
        "app_id": endpoints.c.app_id,
        "sequence": events.c.sequence,
        "token": events.c.token,
        "kind": events.c.kind,
        "state": case((is_active, State.PENDING.value), else_=State.SKIPPED.value),
        "reason": case({was.value: why.value for was, why in SKIPPED_WHILE.items()}, value=state),
        "trigger": literal(Trigger.SCHEDULE.value),
        "due_at": moment,
        "expires_at": type_coerce(events.c.recorded_at, BigInteger) + lives,
        "position": literal(0),
        "attempts": literal(0),
        "interruptions": literal(0),
        "created_at": moment,
        "ended_at": case((is_active, null()), else_=moment),
        "corrects": events.c.corrects,
    }
