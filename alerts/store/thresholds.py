"""Thresholds: which scores anybody asked to be told of, of which tokens."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, or_, select

from alerts.domain.crossings import Thresholds
from alerts.domain.grades import Kind, TokenId
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction
from alerts.store.ratings import NAMED_TOKENS
from alerts.store.tables import subscriptions


async def named_thresholds(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId]
) -> dict[TokenId | None, Thresholds]:
    """The thresholds of a kind that are named for any of these tokens, or for all (None).

    Subscriptions without one are not looked at.
    """
    query = _NAMED
    given: dict[str, object] = {"kind": kind}
    if len(wanted) <= NAMED_TOKENS:
        query, given = _NAMED_FOR, given | {"tokens": list(wanted)}
    above: dict[TokenId | None, set[int]] = {}
    below: dict[TokenId | None, set[int]] = {}
    for row in await tx.connection.execute(query, given):
        token = None if row.token is None else TokenId(row.token)
        for found, threshold in ((above, row.above), (below, row.below)):
            if threshold is not None:
                found.setdefault(token, set()).add(threshold)
    return {
        token: Thresholds(sorted(above.get(token, ())), sorted(below.get(token, ())))
        for token in {*above, *below}
    }


_TOKEN: Final = subscriptions.c.token
# In the words of its index.
_NAMED: Final = (
    select(_TOKEN, subscriptions.c.above, subscriptions.c.below)
    .where(
        subscriptions.c.kind == bindparam("kind"),
        or_(subscriptions.c.above.is_not(None), subscriptions.c.below.is_not(None)),
    )
    .distinct()
)
_NAMED_FOR: Final = _NAMED.where(or_(_TOKEN.is_(None), among(_TOKEN, ids_called("tokens"))))
