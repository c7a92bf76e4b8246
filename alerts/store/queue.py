"""What waits in a lane, and in which order it goes.

Two lines wait in a lane: first attempts, in order of their events, and behind them retries and
what was asked for by hand, in order of their due times. Each line is an index of its own, so
what is next is read from its head, however much waits behind it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from alerts.domain.deliveries import Order, State, Trigger
from alerts.store.tables import deliveries, endpoints, events, lanes

OPEN: Final = (State.PENDING, State.SENDING)
Line = Callable[[FromClause], tuple[ColumnElement[bool], ...]]

_PENDING: Final[ColumnElement[str]] = literal_column(f"'{State.PENDING}'")
_SENDING: Final[ColumnElement[str]] = literal_column(f"'{State.SENDING}'")
_SCHEDULE: Final[ColumnElement[str]] = literal_column(f"'{Trigger.SCHEDULE}'")
_FIRST: Final[ColumnElement[int]] = literal_column("0")


def is_fresh(waiting: FromClause) -> tuple[ColumnElement[bool], ...]:
    """A first attempt that waits, in the words of its index."""
    columns = waiting.c
    return (
        columns.state == _PENDING,
        columns.position == _FIRST,
        columns.trigger == _SCHEDULE,
    )


def is_later(waiting: FromClause) -> tuple[ColumnElement[bool], ...]:
    """A retry, or what was asked for by hand, that waits, in the words of its index."""
    columns = waiting.c
    return (
        columns.state == _PENDING,
        or_(columns.position > _FIRST, columns.trigger != _SCHEDULE),
    )


def is_logged(delivery: FromClause) -> tuple[ColumnElement[bool], ...]:
    """All but a first attempt that waits, in the words of its index."""
    columns = delivery.c
    return (
        or_(columns.state != _PENDING, columns.position > _FIRST, columns.trigger != _SCHEDULE),
    )


def next_in_lane(
    *,
    most: ColumnElement[int],
    now: ColumnElement[datetime],
    is_strict: bool,
    newest_first: bool = False,
) -> Select[tuple[str]]:
    """Ids of what is due next in a lane, for use in a query of lanes: at most `most` of each line.

    is_strict: what has an older open delivery about its token and kind does not go yet. What
    corrects another never goes before that one has ended. newest_first: of first attempts, those
    of the newest events.
    """
    lines = []
    for line, order in ((is_fresh, "sequence"), (is_later, "due_at")):
        head = deliveries.alias("head")
        place = head.c[order]
        first = (
            select(head.c.id)
            .where(
                head.c.endpoint_id == lanes.c.endpoint_id,
                *line(head),
                head.c.lease_id.is_(None),
                head.c.due_at <= now,
            )
            .order_by(place.desc() if newest_first and line is is_fresh else place)
            .limit(most)
        )
        first = first.where(~_must_wait(head, is_strict=is_strict))
        lines.append(select(first.correlate(lanes).subquery("line").c.id))
    return select(union_all(*lines).subquery("lines").c.id)


def due_of_lane(now: ColumnElement[datetime], *, is_strict: bool) -> ColumnElement[datetime | None]:
    """When a lane next wants a worker, for use in an update of lanes; null if nothing is open.

    Not before `now`: a lane with work left is due at once, and goes behind those that waited.
    is_strict: as for `next_in_lane`.
    """
    due = deliveries.c.due_at
    fresh, later = (_in_lane(line, is_strict=is_strict) for line in (is_fresh, is_later))
    # First attempts that are not due are few: only quiet hours make one wait.
    waiting = select(func.min(due).label("due_at")).where(due > now, *fresh).correlate(lanes)
    behind = select(due).where(*later).order_by(due).limit(1).correlate(lanes).subquery("behind")
    heads = union_all(waiting, select(behind.c.due_at)).subquery("heads")
    head = select(func.min(heads.c.due_at).label("due_at")).subquery("first").c.due_at
    first = select(case((head < now, now), else_=head)).scalar_subquery()
    return case((_is_due(fresh, now), now), else_=first)


def has_due(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether anything in a lane is due, for use in a query of lanes."""
    is_strict = exists(
        select(endpoints.c.id)
        .where(endpoints.c.id == lanes.c.endpoint_id, endpoints.c.order == Order.STRICT)
        .correlate(lanes)
    )
    return or_(
        *(
            and_(asked, _is_due(_in_lane(line, is_strict=strict), now))
            for strict, asked in ((False, ~is_strict), (True, is_strict))
            for line in (is_fresh, is_later)
        )
    )


def has_older_open(newer: FromClause) -> ColumnElement[bool]:
    """Whether an older delivery about the same token and kind has not ended.

    By the events of the token, from the newest of the older ones back, for what waits behind
    another waits behind that one most often. What else is open in the lane is about other tokens.
    """
    older, event = deliveries.alias("older"), events.alias("event")
    nearest = (
        select(older.c.id)
        .join_from(event, older, older.c.event_id == event.c.id)
        .where(
            event.c.token == newer.c.token,
            event.c.kind == newer.c.kind,
            event.c.sequence < newer.c.sequence,
            older.c.endpoint_id == newer.c.endpoint_id,
            older.c.state.in_((_PENDING, _SENDING)),
        )
        .order_by(event.c.sequence.desc())
        .limit(1)
    )
    return nearest.correlate(newer).scalar_subquery().is_not(None)


def _must_wait(waiting: FromClause, *, is_strict: bool) -> ColumnElement[bool]:
    if is_strict:
        return has_older_open(waiting)
    return and_(waiting.c.corrects.is_not(None), state_of_corrected(waiting).in_(OPEN))


def state_of_corrected(waiting: FromClause) -> ColumnElement[str | None]:
    """What became of what a correction corrects, at the same endpoint; null without a delivery."""
    corrected = deliveries.alias("corrected")
    state = select(corrected.c.state).where(
        corrected.c.event_id == waiting.c.corrects,
        corrected.c.endpoint_id == waiting.c.endpoint_id,
    )
    return state.correlate(waiting).scalar_subquery()


def _is_due(
    line: Sequence[ColumnElement[bool]], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    waiting = select(deliveries.c.id).where(*line, deliveries.c.due_at <= now)
    return exists(waiting.correlate(lanes))


def _in_lane(line: Line, *, is_strict: bool) -> list[ColumnElement[bool]]:
    """What could be sent of a lane's line, were it due."""
    in_line = (deliveries.c.endpoint_id == lanes.c.endpoint_id, *line(deliveries))
    return [*in_line, ~_must_wait(deliveries, is_strict=is_strict)]
