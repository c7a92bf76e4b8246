"""Lines: stretches of one index of deliveries, each in the order of the log, and their merging.

However long a line is, only its head is read: as many places as the page has.
"""

import json
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)

from alerts.store.deliveries import DELIVERY_COLUMNS, DeliveryRecord
from alerts.store.engine import Transaction
from alerts.store.queue import is_logged
from alerts.store.removal import is_shown
from alerts.store.rows import record_of
from alerts.store.tables import apps, deliveries, events

# Places read of all lines together to begin with; most pages are among them.
PLACES: Final = 300
# Behind the id of any endpoint, in whatever language the database sorts.
NO_ENDPOINT: Final = "zz"


class Place(NamedTuple):
    """Where a delivery stands in the log: the number of its event, and its endpoint."""

    sequence: int
    endpoint_id: str


class Owned(NamedTuple):
    """What an app or an endpoint has of one facet. first: its oldest event, where asked for."""

    owner: str
    facet: str
    first: int


class Line(NamedTuple):
    """What an owner has of a facet from event `first` on, below the place (sequence, endpoint)."""

    owner: str
    facet: str
    first: int
    sequence: int
    endpoint_id: str


Columns = Sequence[ColumnElement[Any]]
# A line in its order, given the deliveries, the line's fields, and what to select.
Head = Callable[[FromClause, Columns, Columns], Select[Any]]


def of_app(found: FromClause, line: Columns, selected: Columns) -> Select[Any]:
    """Lines of apps."""
    owner, facet, first, sequence, endpoint_id = line
    return (
        select(*selected)
        .where(
            found.c.app_id == owner,
            found.c.facet == facet,
            found.c.sequence >= first,
            is_shown(found.c.endpoint_id),
            tuple_(found.c.sequence, found.c.endpoint_id) < tuple_(sequence, endpoint_id),
        )
        .order_by(found.c.sequence.desc(), found.c.endpoint_id.desc())
    )


def of_endpoint(found: FromClause, line: Columns, selected: Columns) -> Select[Any]:
    """Lines of endpoints, without what waits to be tried first."""
    owner, facet, first, sequence, _ = line
    return (
        select(*selected)
        .where(
            found.c.endpoint_id == owner,
            *is_logged(found),
            found.c.facet == facet,
            found.c.sequence >= first,
            found.c.sequence < sequence,
        )
        .order_by(found.c.sequence.desc())
    )


def of_event(found: FromClause, line: Columns, selected: Columns) -> Select[Any]:
    """Lines of events, of whatever facet."""
    owner, _, _, _, endpoint_id = line
    return (
        select(*selected)
        .where(
            found.c.event_id == owner,
            found.c.endpoint_id < endpoint_id,
            is_shown(found.c.endpoint_id),
        )
        .order_by(found.c.endpoint_id.desc())
    )


async def facets_of_apps(
    tx: Transaction, app_id: str | None, *, is_dated: bool = False
) -> list[Owned]:
    """The facets of an app's deliveries, or of every app's. is_dated: with the first event."""
    query = _facets(_of_app, is_all=app_id is None, is_dated=is_dated)
    rows = await tx.connection.execute(query, {"owner": app_id})
    return [Owned(*row) for row in rows]


async def facets_of_endpoint(tx: Transaction, endpoint_id: str) -> list[Owned]:
    """The facets of an endpoint's deliveries, but of what waits to be tried first."""
    query = _facets(_of_endpoint, is_all=False, is_dated=False)
    rows = await tx.connection.execute(query, {"owner": endpoint_id})
    return [Owned(*row) for row in rows]


async def merged(tx: Transaction, head: Head, lines: Sequence[Line], *, limit: int) -> list[Place]:
    """The first `limit` places of these lines together, the newest event's first."""
    if not lines:
        return []
    depth = max(1, min(limit, PLACES // len(lines)))
    found = await _heads(tx, head, lines, depth=depth)
    page = _page(found, limit)
    # Of a line all of whose head is on the page, more may be, as far as the page goes.
    end = page[-1] if len(page) == limit else Place(0, "")
    again = {
        number: line._replace(first=max(line.first, end.sequence))
        for number, line in enumerate(lines)
        if len(found[number]) == depth < limit and found[number][-1] > end
    }
    if again:
        heads = await _heads(tx, head, list(again.values()), depth=limit)
        for number, places in zip(again, heads, strict=True):
            found[number] = places
    return _page(found, limit)


def _page(found: Iterable[list[Place]], limit: int) -> list[Place]:
    return sorted((place for places in found for place in places), reverse=True)[:limit]


async def read_places(tx: Transaction, places: Sequence[Place]) -> list[DeliveryRecord]:
    """The deliveries that stand there, in this order."""
    if not places:
        return []
    query = _reading(is_postgresql=tx.is_postgresql)
    rows = await tx.connection.execute(query, {"rows": json.dumps(places)})
    return [record_of(row, DeliveryRecord) for row in rows]


async def _heads(
    tx: Transaction, head: Head, lines: Sequence[Line], *, depth: int
) -> list[list[Place]]:
    """The first `depth` places of each line, read from its index alone."""
    query = _reading_heads(head, is_postgresql=tx.is_postgresql)
    found = await tx.connection.execute(query, {"rows": json.dumps(lines), "depth": depth})
    return [_read_head(words) for words in found.scalars()]


def _read_head(words: str | None) -> list[Place]:
    if words is None:
        return []
    pairs = (word.split(" ") for word in words.split(","))
    return [Place(int(sequence), endpoint_id) for sequence, endpoint_id in pairs]


# The statements are made once: making one takes longer than what it asks for.
Own = Callable[[FromClause, ColumnElement[Any]], Sequence[ColumnElement[bool]]]


def _of_app(found: FromClause, owner: ColumnElement[Any]) -> Sequence[ColumnElement[bool]]:
    return (found.c.app_id == owner,)


def _of_endpoint(found: FromClause, owner: ColumnElement[Any]) -> Sequence[ColumnElement[bool]]:
    return (found.c.endpoint_id == owner, *is_logged(found))


@cache
def _facets(own: Own, *, is_all: bool, is_dated: bool) -> Select[Any]:
    """One facet after the other, each found from the one before: a step of the index a facet."""
    found = deliveries.alias("found")
    least = func.min(found.c.facet)
    named = select(bindparam("owner", type_=String).label("id"))
    owner = (select(apps.c.id) if is_all else named).subquery("owners").c.id
    seen = select(
        cast(owner, String).label("owner"),
        select(least).where(*own(found, owner)).scalar_subquery().label("facet"),
    ).cte("seen", recursive=True)
    following = select(least).where(*own(found, seen.c.owner), found.c.facet > seen.c.facet)
    seen = seen.union_all(
        select(seen.c.owner, following.scalar_subquery()).where(seen.c.facet.is_not(None))
    )
    dated = select(func.min(found.c.sequence)).where(
        *own(found, seen.c.owner), found.c.facet == seen.c.facet
    )
    since = dated.scalar_subquery() if is_dated else literal_column("0")
    return select(seen.c.owner, seen.c.facet, since).where(seen.c.facet.is_not(None))


@cache
def _reading_heads(head: Head, *, is_postgresql: bool) -> Select[Any]:
    each, fields = _rows(len(Line._fields), numbers={2, 3}, is_postgresql=is_postgresql)
    found = deliveries.alias("found")
    line = head(found, fields, (found.c.sequence, found.c.endpoint_id))
    places = line.limit(bindparam("depth", type_=Integer)).correlate(each).subquery("places")
    word = cast(places.c.sequence, String).concat(" ").concat(places.c.endpoint_id)
    return select(select(func.aggregate_strings(word, ",")).scalar_subquery()).select_from(each)


@cache
def _reading(*, is_postgresql: bool) -> Select[Any]:
    each, (sequence, endpoint_id) = _rows(2, numbers={0}, is_postgresql=is_postgresql)
    is_there = and_(deliveries.c.event_id == events.c.id, deliveries.c.endpoint_id == endpoint_id)
    return (
        select(*DELIVERY_COLUMNS)
        .select_from(each)
        .join(events, events.c.sequence == sequence)
        .join(deliveries, is_there)
        .order_by(events.c.sequence.desc(), deliveries.c.endpoint_id.desc())
    )


def _rows(
    width: int, *, numbers: Container[int], is_postgresql: bool
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """The rows given, as a table, and their fields as columns. numbers: which of them are."""
    given = bindparam("rows", type_=String)
    fields: list[ColumnElement[Any]]
    if is_postgresql:
        each = func.json_array_elements(cast(given, JSON)).table_valued("value", name="each")
        fields = [each.c.value.op("->>")(literal_column(str(place))) for place in range(width)]
    else:
        each = func.json_each(given).table_valued("value", name="each")
        # Without a cast: SQLite compares a pair by its index only with what has no type of its own.
        fields = [func.json_extract(each.c.value, f"$[{place}]") for place in range(width)]
    return each, [
        cast(field, BigInteger) if place in numbers else field for place, field in enumerate(fields)
    ]
