"""Who wants a cycle's events: the endpoints in order, and the matches one by one."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import chain
from operator import or_
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    literal_column,
    select,
    true,
)

from alerts.domain.deliveries import TOLD
from alerts.domain.events import RULED
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import type_mask
from alerts.store.cycles import CycleRecord
from alerts.store.engine import Transaction
from alerts.store.queue import OPEN
from alerts.store.subscriptions import Rule, has_rule, wants
from alerts.store.tables import deliveries, events, subscriptions


@dataclass(frozen=True, slots=True)
class Following:
    """The endpoints that are told of a cycle next, in order of id.

    corrected: those of them that are owed a correction. rules: that any of the events is told by.
    also_of_tokens: whether any of them has no token. is_last: none comes after them.
    """

    ids: list[str]
    corrected: list[str]
    rules: frozenset[Rule]
    also_of_tokens: bool
    is_last: bool


async def next_endpoints(
    tx: Transaction, record: CycleRecord, size: int, *, wholesale: int
) -> Following:
    """The next endpoints that match any event of a cycle, or were told what one corrects.

    At most `size` of those that name tokens, and of those to be corrected, and `wholesale` of
    those that name none.
    """
    told = await _told(tx, record)
    given: dict[str, object] = {
        "cycle": record.id,
        "after": record.fan_out_after or "",
        "until": _END,
        **_types_of(told),
    }
    rules = frozenset(rule for rule in Rule for one in told if rule.mask & one.type_bit)
    looks = [(_corrected(), size), (_by_token(), size)]
    looks += [(_by_token(rule), size) for rule in rules]
    looks += [(look, wholesale) for look in _wholesale(told)]
    found: list[list[str]] = []
    ends: list[str] = []
    for look, count in looks:
        rows = await tx.connection.execute(look, {**given, "most": count})
        found.append(list(rows.scalars()))
        if len(found[-1]) == count:
            ends.append(found[-1][-1])
            # What comes after that is of the next chunk, and looked at then.
            given["until"] = min(ends)
    corrected = found[0]
    # Each look is in order, and mostly all but one are empty.
    full = [some for some in found if some]
    ids = full[0] if len(full) == 1 else sorted(set(chain(*full)))
    if ends:
        ids, corrected = (some[: bisect_right(some, min(ends))] for some in (ids, corrected))
    also_of_tokens = any(one.has_no_token for one in told)
    return Following(ids, corrected, rules, also_of_tokens=also_of_tokens, is_last=not ends)


def matches(
    *where: ColumnElement[bool], rules: Iterable[Rule] = Rule, also_of_tokens: bool = True
) -> list[Select[tuple[str, str]]]:
    """(event, endpoint) by token, by subscription to all, and of what has no token.

    where: of which events and which subscriptions. rules: that any of these events is told by.
    also_of_tokens: whether any of them may have no token.
    """
    is_of_all = subscriptions.c.token.is_(None)
    looks = [(wants(is_token=True), true()), (wants(is_token=False), is_of_all)]
    if also_of_tokens:
        # Apart, so that no other event is held against those who name other tokens.
        has_no_token = and_(events.c.token.is_(None), ~is_of_all)
        looks.append((wants(is_token=False), has_no_token))
    looks += [
        (wants(is_token=is_token, rule=rule), true())
        for is_token in (True, False)
        for rule in rules
    ]
    return [
        select(events.c.id.label("event_id"), subscriptions.c.endpoint_id)
        .join_from(events, subscriptions, condition)
        .where(events.c.type_bit != 0, apart, *where)
        for condition, apart in looks
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


# Behind the ids of all endpoints, however a database orders letters.
_END: Final = "zz"
_RULED: Final = type_mask(RULED)


class _Told(NamedTuple):
    """Some events of a cycle. type_bit: of their one type."""

    kind: str | None
    has_no_token: bool
    type_bit: int


async def _told(tx: Transaction, record: CycleRecord) -> list[_Told]:
    rows = await tx.connection.execute(_TOLD_OF, {"cycle": record.id})
    return [_Told(row[0], bool(row[1]), row[2]) for row in rows]


def _types_of(told: Sequence[_Told]) -> dict[str, int]:
    """What of each kind is told by no rule, as one mask: who takes none of it is not looked at."""
    return {
        f"types_{kind}": reduce(
            or_, (one.type_bit & ~_RULED for one in told if one.kind in (None, kind)), 0
        )
        for kind in Kind
    }


def _wholesale(told: Sequence[_Told]) -> list[Select[str]]:
    """Endpoints that match without naming an event's token, each look read in order, no further.

    One look a kind, and one for each rule that events of the kind are told by; only an event that
    has no token makes those who name tokens be looked at too.
    """
    looks = []
    for kind in Kind:
        of_kind = [one for one in told if one.kind in (None, kind)]
        plain = {one.has_no_token for one in of_kind if not one.type_bit & _RULED}
        if plain:
            looks.append(_of_all(kind, also_of_tokens=True in plain))
        ruled = {rule for rule in Rule for one in of_kind if rule.mask & one.type_bit}
        looks += [_of_all(kind, rule) for rule in sorted(ruled)]
    return looks


# The events of the cycle at hand, and those of them that are matched.
_OF_CYCLE: Final = events.c.cycle_id == bindparam("cycle")
_TOLD: Final = and_(_OF_CYCLE, events.c.type_bit != 0)
_TOLD_OF: Final = (
    select(events.c.kind, events.c.token.is_(None), events.c.type_bit).where(_TOLD).distinct()
)


@cache
def _corrected() -> Select[str]:
    """Endpoints that are owed a correction."""
    endpoint = deliveries.c.endpoint_id
    return _next(corrections(_OF_CYCLE).with_only_columns(endpoint), endpoint)


@cache
def _by_token(rule: Rule | None = None) -> Select[str]:
    """Endpoints that name an event's token. rule: of what they are told by that alone."""
    endpoint = subscriptions.c.endpoint_id
    condition = wants(is_token=True, rule=rule)
    return _next(
        select(endpoint).join_from(events, subscriptions, condition).where(_TOLD), endpoint
    )


@cache
def _of_all(kind: Kind, rule: Rule | None = None, *, also_of_tokens: bool = False) -> Select[str]:
    """Endpoints that take what they take of a kind whatever the token.

    In the order of an index, for as many as one cycle may concern of them, few are looked at.
    """
    matching = exists().where(_TOLD, wants(is_token=False, rule=rule)).correlate(subscriptions)
    endpoint = subscriptions.c.endpoint_id
    look = select(endpoint).where(subscriptions.c.kind == kind, matching)
    if rule is None:
        takes = subscriptions.c.types.op("&")(bindparam(f"types_{kind}", type_=Integer))
        look = look.where(takes != literal_column("0"))
    else:
        look = look.where(has_rule(rule))
    return _next(look if also_of_tokens else look.where(subscriptions.c.token.is_(None)), endpoint)


def _next(look: Select[str], endpoint: ColumnElement[str]) -> Select[str]:
    """The endpoints of a look that come next, in order."""
    of_chunk = endpoint > bindparam("after"), endpoint <= bindparam("until")
    most = bindparam("most", type_=Integer)
    return look.where(*of_chunk).distinct().order_by(endpoint).limit(most)
