"""Who wants a cycle's events: the endpoints in order, and the matches one by one."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    literal_column,
    select,
)

from alerts.domain.deliveries import TOLD
from alerts.domain.events import RULED
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import type_mask
from alerts.store.cycles import CycleRecord
from alerts.store.engine import Transaction
from alerts.store.queue import OPEN
from alerts.store.subscriptions import Rule, wants
from alerts.store.tables import deliveries, events, subscriptions


@dataclass(frozen=True, slots=True)
class Following:
    """The endpoints that are told of a cycle next, in order of id.

    corrected: those of them that are owed a correction. rules: that any of the events is told by.
    is_last: none comes after them.
    """

    ids: list[str]
    corrected: list[str]
    rules: frozenset[Rule]
    is_last: bool


async def next_endpoints(
    tx: Transaction, record: CycleRecord, size: int, *, wholesale: int
) -> Following:
    """The next endpoints that match any event of a cycle, or were told what one corrects.

    At most `size` of those that name tokens, and of those to be corrected, and `wholesale` of
    those that name none.
    """
    given = {"cycle": record.id, "after": record.fan_out_after or ""}
    told = await _told(tx, record)
    rules = frozenset(rule for rule in Rule for _, _, bits in told if rule.mask & bits)
    looks = [(_corrected(), size), (_by_token(), size)]
    looks += [(_by_rule(rule, is_token=True), size) for rule in rules]
    looks += [(_by_rule(rule, is_token=False), wholesale) for rule in rules]
    looks += [(look, wholesale) for look in _wholesale(told)]
    found: list[list[str]] = []
    ends: list[str] = []
    for look, count in looks:
        rows = await tx.connection.execute(look, {**given, "most": count})
        found.append(list(rows.scalars()))
        if len(found[-1]) == count:
            ends.append(found[-1][-1])
    corrected = found[0]
    # Each look is in order, and mostly all but one are empty.
    full = [some for some in found if some]
    ids = full[0] if len(full) == 1 else sorted(set(chain(*full)))
    if ends:
        ids, corrected = (some[: bisect_right(some, min(ends))] for some in (ids, corrected))
    return Following(ids, corrected, rules, is_last=not ends)


def matches(
    *where: ColumnElement[bool], rules: Iterable[Rule] = Rule
) -> list[Select[tuple[str, str]]]:
    """(event, endpoint) by token, and by subscription to all.

    where: of which events and which subscriptions. rules: that any of these events is told by.
    """
    return [
        select(events.c.id.label("event_id"), subscriptions.c.endpoint_id)
        .join_from(events, subscriptions, wants(is_token=is_token, rule=rule))
        .where(events.c.type_bit != 0, *where)
        for is_token in (True, False)
        for rule in (None, *rules)
    ]


def corrections(*where: ColumnElement[bool]) -> Select[tuple[str, str]]:
    """(event, endpoint) of corrections, by those who were told what is corrected, or will be.

    where: of which corrections, and which deliveries of what they correct.
    """
    return (
        select(events.c.id.label("event_id"), deliveries.c.endpoint_id)
        .join_from(events, deliveries, deliveries.c.event_id == events.c.corrects)
        .where(events.c.corrects.is_not(None), deliveries.c.state.in_((*OPEN, *TOLD)), *where)
    )


# Of some events of a cycle: their kind, whether they have no token, and the bits of what only a
# rule asks for.
_Told = tuple[str | None, bool, int]


async def _told(tx: Transaction, record: CycleRecord) -> list[_Told]:
    rows = await tx.connection.execute(_TOLD_OF, {"cycle": record.id})
    return [(row[0], bool(row[1]), row[2]) for row in rows]


def _wholesale(told: Sequence[_Told]) -> list[Select[str]]:
    """Endpoints that match without naming an event's token, each look read in order, no further.

    One look a kind; only an event that has no token makes those who name tokens be looked at too.
    """
    looks = []
    for kind in Kind:
        of_kind = {no_token for its, no_token, bits in told if its in (None, kind) and not bits}
        if of_kind:
            looks.append(_of_all(kind, also_of_tokens=True in of_kind))
    return looks


# The events of the cycle at hand, and those of them that are matched.
_OF_CYCLE: Final = events.c.cycle_id == bindparam("cycle")
_TOLD: Final = and_(_OF_CYCLE, events.c.type_bit != 0)
_TOLD_OF: Final = (
    select(
        events.c.kind,
        events.c.token.is_(None),
        events.c.type_bit.op("&")(literal_column(str(type_mask(RULED)))),
    )
    .where(_TOLD)
    .distinct()
)


@cache
def _corrected() -> Select[str]:
    """Endpoints that are owed a correction."""
    endpoint = deliveries.c.endpoint_id
    return _next(corrections(_OF_CYCLE).with_only_columns(endpoint), endpoint)


@cache
def _by_token() -> Select[str]:
    """Endpoints that name an event's token."""
    endpoint = subscriptions.c.endpoint_id
    return _next(
        select(endpoint).join_from(events, subscriptions, wants(is_token=True)).where(_TOLD),
        endpoint,
    )


@cache
def _by_rule(rule: Rule, *, is_token: bool) -> Select[str]:
    """Endpoints whose rule was passed, for a token that they name or for all."""
    endpoint = subscriptions.c.endpoint_id
    condition = wants(is_token=is_token, rule=rule)
    return _next(
        select(endpoint).join_from(events, subscriptions, condition).where(_TOLD), endpoint
    )


@cache
def _of_all(kind: Kind, *, also_of_tokens: bool) -> Select[str]:
    """Endpoints that take what they take of a kind whatever the token."""
    matching = exists().where(_TOLD, wants(is_token=False)).correlate(subscriptions)
    endpoint = subscriptions.c.endpoint_id
    look = select(endpoint).where(subscriptions.c.kind == kind, matching)
    return _next(look if also_of_tokens else look.where(subscriptions.c.token.is_(None)), endpoint)


def _next(look: Select[str], endpoint: ColumnElement[str]) -> Select[str]:
    """The endpoints of a look that come next, in order."""
    after = endpoint > bindparam("after")
    return look.where(after).distinct().order_by(endpoint).limit(bindparam("most", type_=Integer))
