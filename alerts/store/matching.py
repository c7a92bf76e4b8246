"""Who wants a cycle's events: the endpoints in order, and the matches one by one."""

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, select, union

from alerts.domain.grades import Kind
from alerts.store.cycles import CycleRecord
from alerts.store.engine import Transaction
from alerts.store.subscriptions import wants
from alerts.store.tables import events, subscriptions


async def next_endpoints(
    tx: Transaction, record: CycleRecord, size: int, *, wholesale: int
) -> tuple[list[str], bool]:
    """The next endpoints that match any event of a cycle, in order, and whether they are the last.

    At most `size` of those that name tokens, and `wholesale` of those that do not.
    """
    looks = [
        (_by_token(record), size),
        *[(look, wholesale) for look in await _wholesale(tx, record)],
    ]
    after = subscriptions.c.endpoint_id > (record.fan_out_after or "")
    ids: set[str] = set()
    ends: list[str] = []
    for look, count in looks:
        query = look.where(after).distinct().order_by(subscriptions.c.endpoint_id).limit(count)
        found = list((await tx.connection.execute(query)).scalars())
        ids.update(found)
        if len(found) == count:
            ends.append(found[-1])
    end = min(ends, default=None)
    return sorted(one for one in ids if end is None or one <= end), end is None


def matches(*where: ColumnElement[bool]) -> CompoundSelect[tuple[str, str]]:
    """(event, endpoint), each once: by token, and by subscription to all.

    where: of which events and which subscriptions.
    """
    return union(
        *(
            select(events.c.id.label("event_id"), subscriptions.c.endpoint_id)
            .join_from(events, subscriptions, wants(is_token=is_token))
            .where(events.c.type_bit != 0, *where)
            for is_token in (True, False)
        )
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
