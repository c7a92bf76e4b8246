"""How an endpoint does, as its owner sees it."""

from datetime import datetime, timedelta
from typing import Any, Final, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import Answer, Time
from alerts.domain.health import CLOSED_AFTER, REMEMBERED, Breaker, Health

EXAMPLE_HEALTH: Final[dict[str, Any]] = {
    "state": "open",
    "since": "2026-11-20T06:40:13Z",
    "probe_at": "2026-11-20T06:44:13Z",
    "held_until": "2026-11-20T06:44:13Z",
    "success_share": 0.82,
    "attempts": REMEMBERED,
    "failing_since": None,
}


class EndpointHealth(Answer):
    """How an endpoint takes what it is sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_HEALTH]})

    state: Breaker = Field(
        description="Of the circuit breaker. open: five attempts in a row failed, nothing is sent "
        "until `probe_at`, and what waits loses no attempt by it; probing: one delivery decides."
    )
    since: Time | None = Field(description="Since when it is not closed.")
    probe_at: Time | None = Field(description="When one delivery will be tried, while open.")
    held_until: Time | None = Field(
        description="Until when nothing is sent: its next probe, or what the receiver's "
        "`Retry-After` asked for; null while nothing holds it."
    )
    success_share: float | None = Field(
        description=f"Of its last {REMEMBERED} attempts; null before the first."
    )
    attempts: int = Field(description="How many that share is of.")
    failing_since: Time | None = Field(
        description="Since when next to nothing succeeded, once `endpoint.failing` has told of it; "
        f"{CLOSED_AFTER // timedelta(hours=1)} hours after that it is disabled."
    )

    @classmethod
    def of(cls, health: Health, now: datetime) -> Self:
        """From the domain's."""
        share, until = health.success_share, health.held_until
        return cls(
            state=health.breaker(now),
            since=health.opened_at,
            probe_at=None if health.opened_at is None else until,
            held_until=until if until is not None and until > now else None,
            success_share=None if share is None else round(share, 4),
            attempts=health.attempts,
            failing_since=None if health.warned_at is None else health.failing_since,
        )
