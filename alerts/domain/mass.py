"""Mass moves: a cycle in which so many bands change that each change says little by itself."""

from collections.abc import Iterable
from typing import Final

from alerts.domain.events import BAND_CHANGES, EventType, MassMove

# Of the tokens of a kind, whose band changes in one cycle; 16 % did on the one day on record.
MASS_SHARE_PERCENT: Final = 30
# Of a handful of tokens a few are a third and no mass.
MASS_LEAST: Final = 10


def mass_view(mass: MassMove | None) -> object:
    """A mass move as payloads show it."""
    if mass is None:
        return None
    changed = mass.upgraded + mass.downgraded
    return {
        "share": round(changed / mass.tokens, 4),
        "upgraded": mass.upgraded,
        "downgraded": mass.downgraded,
        "tokens": mass.tokens,
    }


def mass_move(types: Iterable[EventType], *, tokens: int) -> MassMove | None:
    """What a cycle's changes come to, if they are a mass. tokens: of the kind, that are graded."""
    told = [event_type for event_type in types if event_type in BAND_CHANGES]
    if len(told) < MASS_LEAST or len(told) * 100 < tokens * MASS_SHARE_PERCENT:
        return None
    upgraded = told.count(EventType.UPGRADED)
    return MassMove(upgraded, len(told) - upgraded, max(tokens, len(told)))
