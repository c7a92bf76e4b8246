"""Who wants a cycle's events: the endpoints in order, and the matches one by one."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import ColumnElement, Select, and_, exists, select

from alerts.domain.deliveries import TOLD
from alerts.domain.grades import Kind
from alerts.store.cycles import CycleRecord
from alerts.store.engine import Transaction
from alerts.store.queue import OPEN
from alerts.store.subscriptions import wants
from alerts.store.tables import deliveries, events, subscriptions


@dataclass(frozen=True, slots=True)
class Following:
    """The endpoints that are told of a cycle next, in order of id.

    corrected: those of them that are owed a correction. is_last: none comes after them.
    """

    ids: list[str]
    corrected: list[str]
    is_last: bool


async def next_endpoints(
    tx: Transaction, record: CycleRecord, size: int, *, wholesale: int
) -> Following:
    """The next endpoints that match any event of a cycle, or were told what one corrects.

    At most `size` of those that name tokens, and of those to be corrected, and `wholesale` of
    those that name none.
    """
    told = corrections(events.c.cycle_id == record.id).with_only_columns(deliveries.c.endpoint_id)
    looks = [
        (told, deliveries.c.endpoint_id, size),
        (_by_token(record), subscriptions.c.endpoint_id, size),
        *[(look, subscriptions.c.endpoint_id, wholesale) for look in await _wholesale(tx, record)],
    ]
    found: list[list[str]] = []
    ends: list[str] = []
    for look, endpoint, count in looks:
        after = endpoint > (record.fan_out_after or "")
        query = look.where(after).distinct().order_by(endpoint).limit(count)
        found.append(list((await tx.connection.execute(query)).scalars()))
        if len(found[-1]) == count:
            ends.append(found[-1][-1])
    corrected = found[0]
    # Each look is in order, and mostly all but one are empty.
    full = [some for some in found if some]
    ids = full[0] if len(full) == 1 else sorted(set(chain(*full)))
    if ends:
        ids, corrected = (some[: bisect_right(some, min(ends))] for some in (ids, corrected))
    return Following(ids, corrected, is_last=not ends)


def matches(*where: ColumnElement[bool]) -> list[Select[tuple[str, str]]]:
    """(event, endpoint) by token, and by subscription to all.

    where: of which events and which subscriptions.
    """
    return [
        select(events.c.id.label("event_id"), subscriptions.c.endpoint_id)
        .join_from(events, subscriptions, wants(is_token=is_token))
        .where(events.c.type_bit != 0, *where)
        for is_token in (True, False)
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


def _by_token(record: CycleRecord) -> Select[str]:
    return (
        select(subscriptions.c.endpoint_id)
        .join_from(events, subscriptions, wants(is_token=True))
        .where(_told_by(record))
    )


async def _wholesale(tx: Transaction, record: CycleRecord) -> list[Select[str]]:
    """Endpoints that match without naming an event's token, each look read in order, no further.

    One look a kind; only an event that has no token makes those who name tokens be looked at too.
    """
    query = select(events.c.kind, events.c.token.is_(None)).where(_told_by(record)).distinct()
    told = {(row[0], bool(row[1])) for row in await tx.connection.execute(query)}
    looks = []
    for kind in Kind:
        of_kind = {no_token for its, no_token in told if its in (None, kind)}
        if not of_kind:
            continue
        matches = exists().where(_told_by(record), wants(is_token=False)).correlate(subscriptions)
        look = select(subscriptions.c.endpoint_id).where(subscriptions.c.kind == kind, matches)
        looks.append(look if True in of_kind else look.where(subscriptions.c.token.is_(None)))
    return looks


def _told_by(record: CycleRecord) -> ColumnElement[bool]:
    """The events of a cycle that are matched."""
    return and_(events.c.cycle_id == record.id, events.c.type_bit != 0)
