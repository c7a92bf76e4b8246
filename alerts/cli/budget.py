"""How many requests a month the settings make, before any of them is made."""

import math
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.settings import Settings
from alerts.sources.token_metrics import PAGE_ROWS
from alerts.store.cycles import list_cycles

MONTH_SECONDS: Final = 30 * 86_400
# Tokens upstream graded a day in April 2025; used until a sweep has counted them.
USUAL_TOKENS: Final = 998


@dataclass(frozen=True, slots=True)
class Need:
    """What one kind takes. pages: requests a sweep."""

    interval_seconds: int
    pages: int
    sweeps_a_month: int
    seconds_a_sweep: int

    @property
    def a_month(self) -> int:
        """Requests in 30 days."""
        return self.sweeps_a_month * self.pages


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests needed and allowed. tokens: how many are asked for; is_guess: nobody counted."""

    kinds: dict[str, Need]
    per_minute: int
    per_month: int
    tokens: int
    is_guess: bool

    @property
    def a_month(self) -> int:
        """Requests in 30 days, both kinds together."""
        return sum(need.a_month for need in self.kinds.values())

    @property
    def share_percent(self) -> int:
        """The month's share of what is allowed, rounded up."""
        return math.ceil(100 * self.a_month / self.per_month)

    def fitting_trader_interval(self) -> int | None:
        """The shortest trader interval in whole minutes that fits; None if none does."""
        left = self.per_month - self.kinds[Kind.FUNDAMENTAL].a_month
        sweeps = left // self.kinds[Kind.TRADER].pages
        return None if sweeps < 1 else math.ceil(MONTH_SECONDS / sweeps / 60) * 60


async def budget_of(services: Services) -> Budget | None:
    """What the settings need; None where no requests are counted."""
    settings = services.settings
    if services.plan is None or services.plan.per_month is None:
        return None
    tokens, is_guess = len(settings.token_metrics_tokens), False
    if not tokens:
        counted = await _counted_tokens(services)
        tokens, is_guess = counted or USUAL_TOKENS, counted is None
    return count_requests(settings, tokens=tokens, is_guess=is_guess)


def count_requests(settings: Settings, *, tokens: int, is_guess: bool) -> Budget:
    """The arithmetic. A watch list is one request; else pages go on until one is not full."""
    pages = 1 if settings.token_metrics_tokens else tokens // PAGE_ROWS + 1
    intervals = {
        Kind.TRADER: settings.trader_interval_seconds,
        Kind.FUNDAMENTAL: settings.fundamental_interval_seconds,
    }
    per_minute = settings.token_metrics_requests_per_minute
    kinds = {
        kind.value: Need(
            interval_seconds=interval,
            pages=pages,
            sweeps_a_month=math.ceil(MONTH_SECONDS / interval),
            seconds_a_sweep=math.ceil((pages - 1) / per_minute) * 60,
        )
        for kind, interval in intervals.items()
    }
    return Budget(
        kinds=kinds,
        per_minute=per_minute,
        per_month=settings.token_metrics_requests_per_month,
        tokens=tokens,
        is_guess=is_guess,
    )


async def _counted_tokens(services: Services) -> int | None:
    """The rows of the newest cycles of the source, the larger of both kinds."""
    if services.plan is None:
        return None
    found = []
    async with services.store.read() as tx:
        for kind in Kind:
            found += await list_cycles(
                tx, before=None, limit=1, source=services.plan.source.name, kind=kind
            )
    return max((record.tokens for record in found), default=None) or None
