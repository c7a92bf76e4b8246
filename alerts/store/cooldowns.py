"""What endpoints were told last of a token and kind, and what waits for a cooldown to end."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import and_, bindparam, case, func, or_, select, update

from alerts.domain.cooldowns import SAYING, LastWord, band_of
from alerts.domain.deliveries import TOLD, DeferredReason, State
from alerts.domain.grades import Kind, TokenId
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.tables import deliveries, events

# An endpoint, a token, a kind.
Key = tuple[str, TokenId, Kind]

_IS_SAID: Final = or_(
    deliveries.c.state.in_((*TOLD, State.SENDING)),
    and_(deliveries.c.state == State.PENDING, deliveries.c.lease_id.is_not(None)),
)
# By the events of the tokens, which are few, not by all that the endpoint was ever owed.
_NEWEST: Final = (
    select(
        deliveries.c.endpoint_id,
        events.c.token,
        events.c.kind,
        func.max(case((_IS_SAID, events.c.sequence))).label("sequence"),
        func.max(events.c.sequence).label("tried"),
    )
    .join_from(events, deliveries, deliveries.c.event_id == events.c.id)
    .where(
        among(events.c.token, ids_called("tokens")),
        among(deliveries.c.endpoint_id, ids_called("endpoints")),
        events.c.type.in_(sorted(SAYING)),
        or_(_IS_SAID, deliveries.c.attempts > 0),
    )
    .group_by(deliveries.c.endpoint_id, events.c.token, events.c.kind)
    .subquery("newest")
)
_LAST: Final = (
    select(
        _NEWEST.c.endpoint_id,
        _NEWEST.c.token,
        _NEWEST.c.kind,
        _NEWEST.c.sequence,
        _NEWEST.c.tried,
        deliveries.c.state,
        deliveries.c.ended_at,
        events.c.body,
    )
    .join_from(_NEWEST, events, events.c.sequence == _NEWEST.c.sequence)
    .join(
        deliveries,
        and_(
            deliveries.c.event_id == events.c.id,
            deliveries.c.endpoint_id == _NEWEST.c.endpoint_id,
        ),
    )
)
_HOLD: Final = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_id"))
    .values(
        due_at=bindparam("until", type_=deliveries.c.due_at.type),
        expires_at=bindparam("lives_until", type_=deliveries.c.expires_at.type),
        deferred_reason=DeferredReason.COOLDOWN,
    )
)


async def last_words(
    tx: Transaction, *, endpoint_ids: Collection[str], tokens: Collection[TokenId]
) -> dict[Key, LastWord]:
    """What each of these endpoints was told last of each of these tokens, or is being told."""
    given = {"endpoints": list(endpoint_ids), "tokens": list(tokens)}
    return {
        (row.endpoint_id, TokenId(row.token), Kind(row.kind)): LastWord(
            row.sequence,
            State(row.state),
            row.ended_at,
            band_of(json.loads(row.body)),
            is_doubted=row.tried > row.sequence,
        )
        for row in await tx.connection.execute(_LAST, given)
    }


async def hold_for_cooldown(tx: Transaction, held: Mapping[str, tuple[datetime, datetime]]) -> None:
    """Make deliveries of lanes that are ours be due later, and grow no older meanwhile.

    held: by id, until when, and when they expire then.
    """
    rows = [
        {"of_id": key, "until": until, "lives_until": lives_until}
        for key, (until, lives_until) in held.items()
    ]
    await tx.connection.execute(_HOLD, rows)
