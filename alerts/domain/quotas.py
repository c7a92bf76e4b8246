"""Quotas: how often somebody may ask, as one time that each asking moves on (GCRA).

Whoever asks fills a bucket that empties at a steady pace; the time when it will be empty says all
there is to know. Source: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

import math
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """`burst` at once, and then so many a second."""

    burst: int
    per_second: float

    @property
    def step(self) -> int:
        """Microseconds that one asking costs."""
        return round(MICROSECONDS / self.per_second)

    @property
    def window_seconds(self) -> int:
        """How long the whole burst takes to come back, 1 or more."""
        return max(1, math.ceil(self.burst * self.step / MICROSECONDS))


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with a quota.

    is_allowed: whether this asking is within it. remaining: how many more would be, at once.
    reset_seconds: until all of the burst is there again. retry_after_seconds: until one more is
    allowed; 0 where it is now.
    """

    is_allowed: bool
    remaining: int
    reset_seconds: int
    retry_after_seconds: int


def spend(quota: Quota, empty_at: int, now: int) -> int | None:
    """When the bucket is empty once one more has asked; None if that is one too many.

    empty_at, now: microseconds of the same clock.
    """
    moved = max(empty_at, now) + quota.step
    return moved if moved - now <= quota.burst * quota.step else None


def standing(quota: Quota, filled: int, *, is_allowed: bool) -> Standing:
    """What a bucket says that takes `filled` microseconds to empty."""
    free = quota.burst * quota.step - filled
    short = max(0, quota.step - free)
    return Standing(
        is_allowed=is_allowed,
        remaining=max(0, free // quota.step),
        reset_seconds=math.ceil(filled / MICROSECONDS),
        retry_after_seconds=math.ceil(short / MICROSECONDS),
    )
