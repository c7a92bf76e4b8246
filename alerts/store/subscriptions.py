"""Subscriptions: which events each endpoint wants, and the match in SQL."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    delete,
    func,
    insert,
    literal,
    literal_column,
    not_,
    or_,
    select,
)

from alerts.domain.events import RULED, WINDOWED, EventType, Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import (
    Filter,
    Subscription,
    carried_over,
    differing,
    rows_of,
    type_mask,
    types_of_mask,
)
from alerts.store.among import among, ids_called
from alerts.store.engine import CHUNK_ROWS, Transaction, in_chunks
from alerts.store.many import insert_many
from alerts.store.tables import (
    events,
    subscriptions,
)


async def subscriptions_for(
    tx: Transaction, endpoint_ids: Iterable[str], wanted: Iterable[str | None]
) -> dict[str, list[Subscription]]:
    """Subscriptions of some endpoints that could match events about these tokens."""
    named = set(wanted)
    given = {"lanes": list(endpoint_ids), "tokens": [_EVERY_TOKEN, *filter(None, named)]}
    query = _OF_ENDPOINTS if None in named else _OF_TOKENS
    found: dict[str, list[Subscription]] = {}
    for row in await tx.connection.execute(query, given):
        found.setdefault(row.endpoint_id, []).append(_subscription(row))
    return found


_EVERY_TOKEN: Final = ""
_OF_ENDPOINTS: Final = select(subscriptions).where(
    among(subscriptions.c.endpoint_id, ids_called("lanes"))
)
_ADD: Final = insert(subscriptions)
# In the words of its index, for an endpoint may name 10,000 tokens.
_OF_TOKENS: Final = _OF_ENDPOINTS.where(
    among(func.coalesce(subscriptions.c.token, literal_column("''")), ids_called("tokens"))
)


class Rule(StrEnum):
    """What a subscription may name beside types, and the events that it is then told by."""

    THRESHOLD = "threshold"
    WINDOW = "window"

    @property
    def mask(self) -> int:
        """Its types, as bits."""
        return type_mask([EventType.CROSSED] if self is Rule.THRESHOLD else WINDOWED)


def wants(*, is_token: bool, rule: Rule | None = None) -> ColumnElement[bool]:
    """The condition under which a subscription matches an event: `domain` `match`, in SQL.

    is_token: whether the two name the same token; else one of them names none. rule: of what it is
    told by alone, which has a token, else of what is told by none: so those who have such a rule
    are found by its index, and those who have none are not looked at.
    """
    if is_token:
        same_token = subscriptions.c.token == events.c.token
    elif rule is not None:
        same_token = subscriptions.c.token.is_(None)
    else:
        same_token = or_(subscriptions.c.token.is_(None), events.c.token.is_(None))
    same_kind = subscriptions.c.kind == events.c.kind
    return and_(
        same_token,
        or_(events.c.kind.is_(None), same_kind) if rule is None else same_kind,
        _IS_PLAIN if rule is None else and_(_HAS_CROSSED, _RULES[rule]),
        subscriptions.c.types.op("&")(events.c.type_bit) != literal(0),
        or_(events.c.notches.is_(None), events.c.notches >= subscriptions.c.min_notches),
        or_(events.c.size.is_(None), events.c.size >= subscriptions.c.min_delta),
        _OTHER_IS_SO,
        events.c.sequence > subscriptions.c.since_sequence,
    )


def has_rule(rule: Rule) -> ColumnElement[bool]:
    """Whether a subscription names such a rule, in the words of its index."""
    named = subscriptions.c
    if rule is Rule.THRESHOLD:
        return or_(named.above.is_not(None), named.below.is_not(None))
    return named.within.is_not(None)


def _is_of(types: Iterable[EventType]) -> ColumnElement[bool]:
    return events.c.type_bit.op("&")(literal_column(str(type_mask(types)))) != literal_column("0")


def _passes(size: ColumnElement[int], event_type: EventType) -> ColumnElement[bool]:
    """Whether a rise or a fall went past the size that is named."""
    return and_(_is_of([event_type]), size > events.c.crossed_from, size <= events.c.crossed_to)


# In the words of their index: such an event is found beside a thousand others of its cycle.
_HAS_CROSSED: Final = events.c.crossed_from.is_not(None)
_IS_PLAIN: Final = not_(_is_of(RULED))
_CROSSES: Final = and_(
    _is_of([EventType.CROSSED]),
    has_rule(Rule.THRESHOLD),
    or_(
        and_(
            subscriptions.c.above > events.c.crossed_from,
            subscriptions.c.above <= events.c.crossed_to,
        ),
        and_(
            subscriptions.c.below > events.c.crossed_to,
            subscriptions.c.below <= events.c.crossed_from,
        ),
    ),
)
_REACHES: Final = and_(
    has_rule(Rule.WINDOW),
    subscriptions.c.within == events.c.within,
    or_(
        _passes(subscriptions.c.rise, EventType.ROSE),
        _passes(subscriptions.c.fall, EventType.FELL),
    ),
)
_RULES: Final = {Rule.THRESHOLD: _CROSSES, Rule.WINDOW: _REACHES}
_OTHER_IS_SO: Final = or_(
    events.c.token.is_(None),
    # Of a grade that is unknown this is unknown, too, and so no match.
    and_(
        or_(
            subscriptions.c.other_at_least.is_(None),
            events.c.other_score >= subscriptions.c.other_at_least,
        ),
        or_(
            subscriptions.c.other_below.is_(None),
            events.c.other_score < subscriptions.c.other_below,
        ),
    ),
)


async def add_subscriptions(
    tx: Transaction, endpoint_id: str, wanted: Filter, *, since: int
) -> None:
    """Give an endpoint the subscriptions of a filter. since: the event after which they start."""
    await write_subscriptions(tx, endpoint_id, await asyncio.to_thread(rows_of, wanted, since))


async def change_subscriptions(
    tx: Transaction, endpoint_id: str, *, old: Filter, new: Filter, since: int
) -> None:
    """Give an endpoint those of another filter; what asks for no more than before goes on.

    Ten thousand tokens are twenty thousand rows: only what differs is read or written.
    """
    going, coming = differing(old, new)
    gone = await _take(tx, endpoint_id, going)

    def rows() -> Sequence[Subscription]:
        return carried_over(map(_subscription, gone), rows_of(coming, since))

    await write_subscriptions(tx, endpoint_id, await asyncio.to_thread(rows))


async def restart_subscriptions(
    tx: Transaction, endpoint_id: str, wanted: Filter, *, since: int
) -> None:
    """Give an endpoint the subscriptions of a filter in place of all it has."""
    await tx.connection.execute(
        delete(subscriptions).where(subscriptions.c.endpoint_id == endpoint_id)
    )
    await add_subscriptions(tx, endpoint_id, wanted, since=since)


async def write_subscriptions(
    tx: Transaction, endpoint_id: str, rows: Sequence[Subscription]
) -> None:
    """Add these subscriptions to an endpoint."""
    values = (
        {
            "endpoint_id": endpoint_id,
            "token": row.token,
            "kind": row.kind,
            "types": type_mask(row.types),
            "min_notches": row.min_notches,
            "min_delta": row.min_delta,
            "since_sequence": row.since_sequence,
            "above": row.above,
            "below": row.below,
            "other_at_least": row.other_at_least,
            "other_below": row.other_below,
            "within": row.window,
            "rise": row.rise,
            "fall": row.fall,
        }
        for row in rows
    )
    await insert_many(tx, _ADD, values)


async def _take(tx: Transaction, endpoint_id: str, going: Filter) -> list[Row[tuple[object, ...]]]:
    """Remove an endpoint's subscriptions to these tokens; what they were."""
    own = delete(subscriptions).where(subscriptions.c.endpoint_id == endpoint_id)
    named = (
        [own]
        if going.tokens is None
        else [
            own.where(subscriptions.c.token.in_(chunk))
            for chunk in in_chunks(going.tokens, CHUNK_ROWS)
        ]
    )
    gone: list[Row[tuple[object, ...]]] = []
    for statement in named:
        found = await tx.connection.execute(statement.returning(*subscriptions.c))
        for rows in found.partitions(CHUNK_ROWS):
            gone += rows
            await asyncio.sleep(0)
    return gone


def _subscription(row: Row[tuple[object, ...]]) -> Subscription:
    return Subscription(
        token=None if row.token is None else TokenId(row.token),
        kind=Kind(row.kind),
        types=types_of_mask(row.types),
        min_notches=row.min_notches,
        min_delta=row.min_delta,
        since_sequence=row.since_sequence,
        above=row.above,
        below=row.below,
        other_at_least=row.other_at_least,
        other_below=row.other_below,
        window=None if row.within is None else Window(row.within),
        rise=row.rise,
        fall=row.fall,
    )
