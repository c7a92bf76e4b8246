"""Freshness: when a source's grades, or one token's, are too old to be taken for news."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from alerts.domain.grades import Kind

# A source of which nothing was accepted for so many intervals is stale.
SILENT_INTERVALS: Final = 3
# And one all of whose grades were the same for so long: a quarter of the trader grades on record
# move by five points in a day, while fundamental ones step on few days.
UNCHANGED_AFTER: Final[Mapping[Kind, timedelta]] = MappingProxyType(
    {Kind.TRADER: timedelta(hours=48), Kind.FUNDAMENTAL: timedelta(days=14)}
)
# Of fewer tokens than this, all may well stand still.
UNCHANGED_TOKENS: Final = 20
# A token's grade is stale when it is so much older than the newest of its source and kind, or than
# the end of a week that is told: two daily cycles missed it.
STALE_AFTER: Final = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Staleness:
    """Since when a source's kind has been stale, and why, in words for the operator."""

    since: datetime
    why: str


def staleness(
    kind: Kind,
    *,
    heard_at: datetime,
    news_at: datetime | None,
    tokens: int | None,
    interval: timedelta,
    now: datetime,
) -> Staleness | None:
    """Whether a source's kind is stale.

    heard_at: when a cycle was last accepted. news_at: when a grade was last other than before, None
    where nobody noted it. tokens: graded in the last complete cycle. interval: between cycles.
    """
    silent_since = heard_at + SILENT_INTERVALS * interval
    if now > silent_since:
        return Staleness(silent_since, f"nothing was accepted since {_shown(heard_at)}")
    if news_at is None or (tokens or 0) < UNCHANGED_TOKENS:
        return None
    unchanged_since = news_at + UNCHANGED_AFTER[kind]
    if now <= unchanged_since:
        return None
    why = f"all {tokens:,} grades have been the same since {_shown(news_at)}"
    return Staleness(unchanged_since, why)


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
