"""Crossings: of all scores that a cycle brought, those that went past what somebody named."""

from collections.abc import Mapping

from alerts.domain.changes import Change, Diff
from alerts.domain.crossings import crossed, moves
from alerts.domain.grades import Cycle, TokenId
from alerts.domain.ratings import Rating
from alerts.store.engine import Transaction
from alerts.store.thresholds import named_thresholds


async def find_crossings(
    tx: Transaction, cycle: Cycle, found: Diff, *, ratings: Mapping[TokenId, Rating]
) -> tuple[Change, ...]:
    """The crossings of thresholds that are named now, of the tokens that they are named for.

    ratings: as they were before what the diff found.
    """
    if not found.ratings:
        return ()
    named = await named_thresholds(tx, cycle.kind, [after.token for after in found.ratings])
    return crossed(moves(ratings, found.ratings), named, cycle) if named else ()
