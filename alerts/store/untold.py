"""What of a token and kind an endpoint was owed since it was told of it last."""

from collections.abc import Collection
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from sqlalchemy import and_, case, func, or_, select

from alerts.domain.cooldowns import SAYING
from alerts.domain.deliveries import TOLD, State, Trigger
from alerts.domain.events import EventType
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.tables import deliveries, events


class Untold(NamedTuple):
    """A delivery that was not told, and may yet be. is_waiting: else it has ended."""

    id: str
    event_id: str
    is_waiting: bool


_IS_CROSSING: Final = events.c.type == EventType.CROSSED
# What is told, or may have been; what is asked for by hand will be.
_IS_SAID: Final = or_(
    deliveries.c.state.in_((*TOLD, State.SENDING)),
    deliveries.c.lease_id.is_not(None),
    and_(deliveries.c.state == State.PENDING, deliveries.c.trigger != Trigger.SCHEDULE),
    and_(deliveries.c.attempts > 0, among(deliveries.c.endpoint_id, ids_called("doubtful"))),
)
_ABOUT: Final = (deliveries.c.endpoint_id, events.c.token, events.c.kind, _IS_CROSSING)
_LINES: Final = (
    select(
        deliveries.c.id,
        deliveries.c.event_id,
        deliveries.c.state,
        deliveries.c.endpoint_id,
        events.c.token,
        events.c.kind,
        _IS_CROSSING.label("is_crossing"),
        events.c.sequence,
        func.max(case((_IS_SAID, events.c.sequence), else_=-1))
        .over(partition_by=_ABOUT)
        .label("said"),
    )
    .join_from(events, deliveries, deliveries.c.event_id == events.c.id)
    # By the events of the tokens, which are few, not by all that the endpoint was ever owed.
    .where(
        among(events.c.token, ids_called("tokens")),
        among(deliveries.c.endpoint_id, ids_called("endpoints")),
        events.c.type.in_(sorted(SAYING | {EventType.CROSSED})),
    )
    .subquery("lines")
)
_ABOUT_LINE: Final = attrgetter("endpoint_id", "token", "kind", "is_crossing")
_UNTOLD: Final = (
    select(_LINES)
    .where(_LINES.c.sequence > _LINES.c.said)
    .order_by(*_ABOUT_LINE(_LINES.c), _LINES.c.sequence)
)


async def untold_lines(
    tx: Transaction,
    *,
    endpoint_ids: Collection[str],
    tokens: Collection[str],
    doubtful: Collection[str],
) -> list[tuple[str, list[Untold]]]:
    """What came since the last word, of each endpoint, token and kind, the oldest first.

    With whose it is. Crossings are a line of their own. doubtful: endpoints of channels where what
    was tried and failed may have arrived: that is a word, too.
    """
    given = {"endpoints": endpoint_ids, "tokens": tokens, "doubtful": doubtful}
    rows = await tx.connection.execute(_UNTOLD, given)
    return [
        (about[0], [Untold(row.id, row.event_id, row.state == State.PENDING) for row in line])
        for about, line in groupby(rows, key=_ABOUT_LINE)
    ]
