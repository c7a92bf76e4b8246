"""Cooldowns: how long an endpoint is told nothing more of one token and kind.

What an endpoint believes of a grade is the band of the newest event about it that it was told. A
change that comes within the cooldown waits for its end; a newer one takes its place, unless it is
a move, which waits behind it; and one that leads back to what is believed anyway is never told. So
after the cooldown it believes what holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.domain.deliveries import TOLD, State
from alerts.domain.events import BAND_CHANGES, EventType

# What may wait: a first or last word about a token is told at once, and so is a correction.
COOLED: Final = BAND_CHANGES | {EventType.MOVED}
# All of a token and kind that says which band holds.
SAYING: Final = COOLED | {EventType.INITIATED, EventType.REINSTATED, EventType.WITHDRAWN}
# What is on the wire is looked at again so soon.
ON_THE_WIRE: Final = timedelta(seconds=5)

# A version of the ladder, and a rank on it.
Band = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LastWord:
    """The newest event of a token and kind that an endpoint was told, or is being told.

    at: when it was; None while it is on the wire. band: what it said holds; None: no band does.
    is_doubted: something newer was tried, and may have arrived.
    """

    sequence: int
    state: State
    at: datetime | None
    band: Band | None
    is_doubted: bool = False


def cools_until(last: LastWord | None, cooldown: timedelta, now: datetime) -> datetime | None:
    """When a change may be told that could go now; None: at once."""
    if last is None:
        return None
    if last.state not in TOLD or last.at is None:
        return now + ON_THE_WIRE
    until = last.at + cooldown
    return until if until > now else None


def is_believed(last: LastWord | None, band: Band | None) -> bool:
    """Whether an endpoint knows already that this band holds; what is in doubt it does not."""
    if last is None or last.state is not State.DELIVERED or last.is_doubted:
        return False
    return last.band == band


def band_of(payload: Mapping[str, Any]) -> Band | None:
    """The band that a grade's event says holds. payload: its body, parsed."""
    after = payload["data"].get("to")
    return None if after is None else (payload["data"]["band_version"], after["band_rank"])
