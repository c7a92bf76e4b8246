"""Pace: sends to one endpoint, spaced by its rate limit, with no burst."""

import math
from dataclasses import dataclass
from typing import Final

# Sends per second that an endpoint may ask for.
LEAST_RATE: Final = 0.001
MOST_RATE: Final = 1000.0
# Clocks are read to the microsecond; a gap is not to come out shorter for it.
ROUNDING_SECONDS: Final = 0.000_02


@dataclass(slots=True)
class Pace:
    """When the next send may start. gap, next_start: seconds, of the monotonic clock."""

    gap: float
    next_start: float

    @classmethod
    def of(cls, rate: float, *, since: float) -> "Pace":
        """At most `rate` starts in any second, the first not before `since`."""
        return cls(1 / rate + ROUNDING_SECONDS, since)

    def wait(self, now: float) -> float:
        """Seconds until the next send may start; 0 when it may, infinity while one is starting."""
        return max(0.0, self.next_start - now)

    def free_in(self, now: float) -> float:
        """Seconds after which somebody else may start one."""
        return min(self.wait(now), self.gap)

    def reserve(self) -> None:
        """One is about to start: nothing else may until it has."""
        self.next_start = math.inf

    def started(self, now: float) -> None:
        """One started now, or was not sent after all."""
        self.next_start = now + self.gap
