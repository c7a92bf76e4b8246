"""The log: pages of deliveries by any of their fields, those of the newest event first.

Whatever is asked for, a page is merged from the heads of a few lines (`log_lines.py`). A
delivery's facet says its state, kind, reason and status code, and a line is what one app, or one
endpoint, has of one facet. There are some ten or twenty of them, and they are looked up first, so
no page depends on how much there is of anything else. A token is searched by its events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Select, select

from alerts.domain.deliveries import Reason, State
from alerts.domain.grades import Kind
from alerts.store.deliveries import DeliveryRecord
from alerts.store.endpoints import find_endpoint
from alerts.store.engine import Transaction
from alerts.store.log_lines import (
    NO_ENDPOINT,
    Line,
    Owned,
    Place,
    facets_of_apps,
    facets_of_endpoint,
    merged,
    of_app,
    of_endpoint,
    of_event,
    read_places,
)
from alerts.store.queue import is_fresh
from alerts.store.tables import deliveries, events

# Lines read in one statement at most, where there could be any number.
LINES: Final = 1000
# Events of a token looked at in the first statement; the next looks at four times as many.
EVENTS: Final = 8
_NO_SEQUENCE: Final = 2**62


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which deliveries to list; None does not narrow.

    code: what the last attempt was answered with. since, until: when the event was recorded, from
    the one up to, and without, the other.
    """

    endpoint_id: str | None = None
    state: str | None = None
    reason: str | None = None
    token: str | None = None
    kind: str | None = None
    code: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, facet: str) -> bool:
        """Whether deliveries of this facet are asked for."""
        code = None if self.code is None else str(self.code)
        asked = (self.state, self.kind, self.reason, code)
        return all(one in {None, word} for one, word in zip(asked, facet.split(" "), strict=True))


class _Stretch(NamedTuple):
    """What part of the log is wanted: from the first event on, and below a place."""

    first: int
    below: Place


async def list_deliveries(
    tx: Transaction, wanted: LogFilter, *, app_id: str | None, before: Place | None, limit: int
) -> list[DeliveryRecord]:
    """The log, newest event first and by endpoint within it: what stands below `before`."""
    stretch = await _stretch(tx, wanted, before)
    if stretch is None:
        return []
    if wanted.endpoint_id is not None:
        places = await _of_endpoint(tx, wanted, stretch, app_id=app_id, limit=limit)
    elif wanted.token is not None:
        places = await _of_token(tx, wanted, stretch, app_id=app_id, limit=limit)
    else:
        owned = [own for own in await facets_of_apps(tx, app_id) if wanted.wants(own.facet)]
        lines = [Line(own.owner, own.facet, stretch.first, *stretch.below) for own in owned]
        places = await merged(tx, of_app, lines, limit=limit)
    return await read_places(tx, places)


async def _stretch(tx: Transaction, wanted: LogFilter, before: Place | None) -> _Stretch | None:
    """None: no event was recorded in the time asked for."""
    first, below = 0, Place(_NO_SEQUENCE, "")
    if wanted.since is not None:
        since = await _first_since(tx, wanted.since)
        if since is None:
            return None
        first = since
    if wanted.until is not None:
        until = await _first_since(tx, wanted.until)
        below = below if until is None else Place(until, "")
    return _Stretch(first, below if before is None else min(below, before))


async def _first_since(tx: Transaction, moment: datetime) -> int | None:
    query = (
        select(events.c.sequence)
        .where(events.c.recorded_at >= moment)
        .order_by(events.c.recorded_at, events.c.sequence)
        .limit(1)
    )
    return (await tx.connection.execute(query)).scalar_one_or_none()


async def _of_endpoint(
    tx: Transaction, wanted: LogFilter, stretch: _Stretch, *, app_id: str | None, limit: int
) -> list[Place]:
    """Of one endpoint, if it is the app's: what waits to be tried first, and all the rest."""
    endpoint_id = wanted.endpoint_id or ""
    if await find_endpoint(tx, endpoint_id, app_id=app_id) is None:
        return []
    first, (sequence, end) = stretch
    # One endpoint has one delivery of an event, so its places are the events' numbers.
    above = sequence + 1 if endpoint_id < end else sequence
    if wanted.token is not None:
        return await _places(tx, _told_of_token(wanted, first, above), limit)
    owned = await facets_of_endpoint(tx, endpoint_id)
    lines = [
        Line(endpoint_id, own.facet, first, above, "") for own in owned if wanted.wants(own.facet)
    ]
    places = await merged(tx, of_endpoint, lines, limit=limit)
    if _may_wait(wanted):
        waiting = select(deliveries.c.sequence, deliveries.c.endpoint_id).where(
            deliveries.c.endpoint_id == endpoint_id,
            *is_fresh(deliveries),
            *_narrowed(wanted),
            deliveries.c.sequence >= first,
            deliveries.c.sequence < above,
        )
        places += await _places(tx, waiting.order_by(deliveries.c.sequence.desc()), limit)
    return sorted(places, reverse=True)[:limit]


def _may_wait(wanted: LogFilter) -> bool:
    """Whether it could wait to be tried first; the one reason for that is a lost worker."""
    is_pending = wanted.state in {None, State.PENDING}
    return is_pending and wanted.code is None and wanted.reason in {None, Reason.INTERRUPTED}


def _told_of_token(wanted: LogFilter, first: int, above: int) -> Select[tuple[int, str]]:
    return (
        select(deliveries.c.sequence, deliveries.c.endpoint_id)
        .join_from(events, deliveries, deliveries.c.event_id == events.c.id)
        .where(
            deliveries.c.endpoint_id == wanted.endpoint_id,
            *_narrowed(wanted),
            events.c.token == wanted.token,
            events.c.sequence >= first,
            events.c.sequence < above,
        )
        .order_by(events.c.sequence.desc())
    )


def _narrowed(wanted: LogFilter) -> list[ColumnElement[bool]]:
    asked = (
        (deliveries.c.state, wanted.state),
        (deliveries.c.kind, wanted.kind),
        (deliveries.c.reason, wanted.reason),
        (deliveries.c.status_code, wanted.code),
    )
    return [column == value for column, value in asked if value is not None]


async def _of_token(
    tx: Transaction, wanted: LogFilter, stretch: _Stretch, *, app_id: str | None, limit: int
) -> list[Place]:
    """By the token's events, newest first, until the page is full."""
    first, below = stretch
    owned = None
    if app_id is not None or (wanted.state, wanted.reason, wanted.code) != (None, None, None):
        every = await facets_of_apps(tx, app_id, is_dated=True)
        owned = [own for own in every if wanted.wants(own.facet)]
        first = max(first, min((own.first for own in owned), default=_NO_SEQUENCE))
    found: list[Place] = []
    size = EVENTS
    while len(found) < limit:
        told = await _events_of_token(tx, wanted, _Stretch(first, below), size=size)
        lines = [line for event in told for line in _lines_of(event, owned, below)]
        head = of_event if owned is None else of_app
        found += await merged(tx, head, lines, limit=limit - len(found))
        if len(told) < size:
            break
        below = Place(told[-1].sequence - 1, NO_ENDPOINT)
        size = min(size * 4, max(EVENTS, LINES // max(1, len(owned or ()))))
    return found


class _Event(NamedTuple):
    id: str
    sequence: int
    kind: str | None


async def _events_of_token(
    tx: Transaction, wanted: LogFilter, stretch: _Stretch, *, size: int
) -> list[_Event]:
    kinds = list(Kind) if wanted.kind is None else [wanted.kind]
    query = (
        select(events.c.id, events.c.sequence, events.c.kind)
        .where(
            events.c.token == wanted.token,
            events.c.kind.in_(kinds),
            events.c.sequence >= stretch.first,
            # Of the last one shown there may be more, for other endpoints.
            events.c.sequence <= stretch.below.sequence,
        )
        .order_by(events.c.sequence.desc())
        .limit(size)
    )
    return [_Event(*row) for row in await tx.connection.execute(query)]


def _lines_of(event: _Event, owned: Sequence[Owned] | None, below: Place) -> list[Line]:
    """owned: None where every app's are wanted, of whatever facet."""
    is_begun = event.sequence == below.sequence
    end = Place(event.sequence, below.endpoint_id if is_begun else NO_ENDPOINT)
    if owned is None:
        return [Line(event.id, "", event.sequence, *end)]
    return [
        Line(own.owner, own.facet, event.sequence, *end)
        for own in owned
        if LogFilter(kind=event.kind).wants(own.facet)
    ]


async def _places(tx: Transaction, query: Select[tuple[int, str]], limit: int) -> list[Place]:
    rows = await tx.connection.execute(query.limit(limit))
    return [Place(row.sequence, row.endpoint_id) for row in rows]
