"""How often a key may ask: so many requests a minute, and so many a month, by plan."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec

MINUTE = timedelta(minutes=1)


class RetryAfter(StrEnum):
    """How a refusal says when to come back."""

    SECONDS = "seconds"
    DATE = "date"
    NONE = "none"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a plan allows; None: any number. is_virtual: time is the sandbox's, not the wall's."""

    per_minute: Annotated[int, msgspec.Meta(ge=1)] | None = None
    per_month: Annotated[int, msgspec.Meta(ge=0)] | None = None
    retry_after: RetryAfter = RetryAfter.NONE
    is_virtual: bool = False


# Public sources disagree; these are the strictest and the four that the documentation names.
PLANS = {
    "unlimited": Plan(),
    "free": Plan(per_minute=1, per_month=5_000),
    "basic": Plan(per_minute=20, per_month=5_000),
    "advanced": Plan(per_minute=60, per_month=20_000),
    "premium": Plan(per_minute=180, per_month=100_000),
    "vip": Plan(per_minute=600, per_month=500_000),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """One request too many. wait: until there is room again. is_month: of the monthly credits."""

    wait: timedelta
    is_month: bool


@dataclass
class Allowance:
    """What one key has left: a bucket that fills by the minute, credits that come by the month.

    plan: may be changed at any time; what was spent stays spent.
    """

    plan: Plan
    wall: Callable[[], datetime]
    virtual: Callable[[], datetime]
    _spent_in: dict[tuple[int, int], int] = field(default_factory=dict)
    _bucket: tuple[datetime, float] | None = None

    @property
    def now(self) -> datetime:
        """The time that this plan goes by."""
        return (self.virtual if self.plan.is_virtual else self.wall)()

    @property
    def spent(self) -> int:
        """This month's requests that were not refused here."""
        now = self.now
        return self._spent_in.get((now.year, now.month), 0)

    @property
    def headers(self) -> dict[str, str]:
        """What answers say of the minute, where the plan has a pace."""
        if self.plan.per_minute is None:
            return {}
        left = self.plan.per_minute if self._bucket is None else int(self._bucket[1])
        pace = str(self.plan.per_minute)
        return {"x-ratelimit-limit": pace, "x-ratelimit-remaining": str(left)}

    def spend(self) -> Refused | None:
        """Take one request from the allowance; or why it cannot be."""
        now = self.now
        month = now.year, now.month
        if self.plan.per_month is not None and self.spent >= self.plan.per_month:
            following = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
            start = following.replace(hour=0, minute=0, second=0, microsecond=0)
            return Refused(start - now, is_month=True)
        if self.plan.per_minute is not None:
            pace = MINUTE / self.plan.per_minute
            at, level = self._bucket or (now, float(self.plan.per_minute))
            level = min(level + max(now - at, timedelta()) / pace, float(self.plan.per_minute))
            if level < 1:
                self._bucket = now, level
                return Refused(timedelta(seconds=math.ceil((1 - level) * pace.total_seconds())),
                               is_month=False)  # fmt: skip
            self._bucket = now, level - 1
        self._spent_in[month] = self.spent + 1
        return None
