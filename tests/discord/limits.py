"""How often Discord may be asked, counted as it counts.

https://docs.discord.com/developers/topics/rate-limits
"""

from dataclasses import dataclass, field

from tests.discord.refusals import slow_down
from tests.rates import Rate, Window, Windows


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits that count here; `channel` is said by no header."""

    webhook: Rate = Rate(5, 2.0)
    channel: Rate = Rate(30, 60.0)
    bot_channel: Rate = Rate(5, 5.0)
    everything: Rate = Rate(50, 1.0)


@dataclass(slots=True)
class Limits:
    """Windows that begin with their first request."""

    rates: Rates = field(default_factory=Rates)
    _windows: Windows = field(default_factory=Windows)

    def spend(self, key: str, rate: Rate, now: float, *, scope: str = "user") -> dict[str, str]:
        """Count one request; the headers that tell of it. now: monotonic. Raises Refusal."""
        window, is_within = self._windows.spend(key, rate, now)
        left = window.ends - now
        if not is_within:
            refusal = slow_down(left, scope)
            refusal.headers |= self._headers(key, rate, window, left)
            raise refusal
        return self._headers(key, rate, window, left)

    def _headers(self, key: str, rate: Rate, window: Window, left: float) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(rate.requests),
            "x-ratelimit-remaining": str(rate.requests - window.spent),
            "x-ratelimit-reset-after": f"{left:.3f}",
            "x-ratelimit-bucket": f"{abs(hash(key)):032x}",
        }
