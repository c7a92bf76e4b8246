"""Endpoints as they are asked for, changed and shown."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field

from alerts.api.schemas.base import (
    EXAMPLE_APP,
    EXAMPLE_ENDPOINT,
    Answer,
    Body,
    Line,
    Time,
)
from alerts.api.schemas.filters import (
    DigestChange,
    FilterChange,
    NewDigest,
    NewFilter,
    ShownFilter,
)
from alerts.api.schemas.health import EXAMPLE_HEALTH, EndpointHealth
from alerts.domain.deliveries import Channel, DisableReason, EndpointState, Order
from alerts.domain.quiet import QuietHours
from alerts.pipeline.pace import LEAST_RATE, MOST_RATE
from alerts.store.endpoints import EndpointRecord

MASK: Final = "********"
_URL: Final = "https://example.com/hook"

_FILTER: Final[dict[str, Any]] = {
    "tokens": ["token_metrics:3375"],
    "kinds": ["fundamental", "trader"],
    "types": ["grade.upgraded", "grade.downgraded"],
    "min_notches": 1,
    "min_delta": 0,
    "thresholds": [{"kind": "trader", "above": 85, "below": None}],
    "given": [{"kind": "fundamental", "at_least": 80, "below": None}],
    "windows": [{"kind": "trader", "days": 7, "unit": "points", "rise": 15, "fall": 15}],
}
_ENDPOINT: Final[dict[str, Any]] = {
    "id": EXAMPLE_ENDPOINT,
    "app_id": EXAMPLE_APP,
    "channel": "webhook",
    "url": _URL,
    "problem": None,
    "description": "production",
    "state": "active",
    "disabled_reason": None,
    "state_since": "2026-11-19T14:02:11Z",
    "health": EXAMPLE_HEALTH,
    "filter": _FILTER,
    "digest": None,
    "rate_limit": None,
    "order": "none",
    "time_to_live_seconds": 259200,
    "retry_schedule_seconds": None,
    "cooldown_seconds": None,
    "headers": {"x-tenant": MASK},
    "time_zone": None,
    "quiet_hours": None,
    "created_at": "2026-11-19T14:02:11Z",
}


def _at_once(waits: tuple[float, ...]) -> tuple[float, ...]:
    if waits[0]:
        raise ValueError("must begin with 0, for the first attempt is made at once")
    return waits


Rate = Annotated[float, Field(ge=LEAST_RATE, le=MOST_RATE)]
Description = Annotated[Line, Field(max_length=200)]
Lifetime = Annotated[int, Field(ge=60, le=2_592_000)]
Cooldown = Annotated[int, Field(ge=1, le=2_592_000)]
Wait = Annotated[float, Field(ge=0, le=2_592_000)]
Schedule = Annotated[tuple[Wait, ...], Field(min_length=1, max_length=50), AfterValidator(_at_once)]


def _list(seconds: tuple[float, ...] | None) -> list[float] | None:
    return None if seconds is None else list(seconds)


class NewEndpoint(Body):
    """Whom to tell, and of what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel": "webhook",
                    "url": _URL,
                    "description": "production",
                    "filter": {"tokens": ["token_metrics:3375"], "min_notches": 1},
                    "cooldown_seconds": 21600,
                    "headers": {"x-tenant": "blue"},
                },
                {
                    "channel": "discord",
                    "url": "https://discord.com/api/webhooks/1300000000000000000/AbCd…",
                    "digest": {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin"},
                },
            ]
        }
    )

    channel: Literal[Channel.WEBHOOK, Channel.DISCORD, Channel.TELEGRAM]
    url: str | None = Field(
        default=None,
        description="Where to send; https, and reachable from outside. On `discord` an incoming "
        "webhook's URL as Discord gives it, with `?thread_id=` for a thread; it is kept encrypted "
        "and shown masked. On `telegram` none: you are given a link to be opened.",
    )
    description: Description = ""
    filter: NewFilter = Field(
        default=NewFilter(),
        description="What is told at once. On `discord`, with a `digest` and no filter: nothing.",
    )
    digest: NewDigest | None = Field(default=None, description="A weekly digest; null is none.")
    rate_limit: Rate | None = Field(
        default=None,
        description="Sends per second; null is unlimited, on `discord` 0.5 and on `telegram` 1, "
        "which is the most there.",
    )
    order: Order = Field(
        default=Order.NONE,
        description="Of news about one token and kind. none: `sequence` says which is newer; "
        "strict: the older one first; latest: only the newest that waits, as on `discord` and "
        "`telegram` unless you choose.",
    )
    time_to_live_seconds: Lifetime = Field(
        default=259_200,
        description="How long a change is worth telling; 3 days, on `discord` 1 and on `telegram` "
        "half a day unless you choose.",
    )
    retry_schedule_seconds: Schedule | None = Field(
        default=None,
        description="The wait before each attempt, 0 before the first; after the last one the "
        "delivery is dead. null is the service's own schedule.",
    )
    cooldown_seconds: Cooldown | None = Field(
        default=None,
        description="After a change was told, nothing more of that token and kind for so long; "
        "then what holds, unless that is what was told. null tells each change.",
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="Sent along; kept encrypted, shown masked."
    )


class EndpointChange(Body):
    """What changes; what is left out stays. In `headers`, null takes one away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "filter": {"min_notches": 2},
                    "rate_limit": 5,
                    "cooldown_seconds": 21600,
                    "headers": {"x-tenant": None},
                }
            ]
        }
    )

    url: str = ""
    description: Description = ""
    filter: FilterChange = FilterChange()
    digest: DigestChange | None = Field(default=None, description="null takes it away.")
    rate_limit: Rate | None = None
    order: Order = Order.NONE
    time_to_live_seconds: Lifetime = 259_200
    retry_schedule_seconds: Schedule | None = None
    cooldown_seconds: Cooldown | None = None
    headers: dict[str, str | None] = Field(default_factory=dict)


class ShownQuietHours(Answer):
    """From one time of the clock to another, over midnight where that is earlier; HH:MM."""

    starts: str
    ends: str


def _quiet(hours: QuietHours | None) -> ShownQuietHours | None:
    if hours is None:
        return None
    return ShownQuietHours(starts=f"{hours.starts:%H:%M}", ends=f"{hours.ends:%H:%M}")


class Endpoint(Answer):
    """An endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENDPOINT]})

    id: str
    app_id: str
    channel: Channel
    url: str | None = Field(
        description="null where it cannot be read; a Discord webhook's without its token, and of "
        "a Telegram chat `telegram:` and its number, with `/` and a topic's behind it."
    )
    problem: str | None = Field(description="Why nothing can be sent, and what mends it.")
    description: str
    state: EndpointState = Field(
        description="paused by you, disabled by us; news meanwhile is skipped, to be replayed."
    )
    disabled_reason: DisableReason | None
    state_since: Time
    health: EndpointHealth
    filter: ShownFilter
    digest: dict[str, Any] | None = Field(description="As you set it.")
    rate_limit: float | None
    order: Order
    time_to_live_seconds: int
    retry_schedule_seconds: list[float] | None = Field(description="null is the service's own.")
    cooldown_seconds: int | None = Field(description="null tells each change.")
    headers: dict[str, str] = Field(description="Values are masked.")
    time_zone: str | None = Field(description="IANA name; a chat chooses it there.")
    quiet_hours: ShownQuietHours | None = Field(
        description="Of its day, in which a chat wants to be told nothing."
    )
    created_at: Time

    @classmethod
    def of(
        cls,
        record: EndpointRecord,
        *,
        url: str | None,
        headers: Mapping[str, str],
        health: EndpointHealth,
        problem: str | None = None,
    ) -> Self:
        """From the store's. url, headers: decrypted; header values do not get further than here."""
        return cls(
            id=record.id,
            app_id=record.app_id,
            channel=record.channel,
            url=url,
            problem=problem,
            description=record.description,
            state=record.state,
            disabled_reason=record.disabled_reason,
            state_since=record.state_since,
            health=health,
            filter=ShownFilter.of(record.filter),
            digest=None if record.digest is None else dict(record.digest),
            rate_limit=record.rate_limit,
            order=record.order,
            time_to_live_seconds=record.time_to_live_seconds,
            retry_schedule_seconds=_list(record.retry_schedule_seconds),
            cooldown_seconds=record.cooldown_seconds,
            headers=dict.fromkeys(headers, MASK),
            time_zone=record.time_zone,
            quiet_hours=_quiet(record.quiet_hours),
            created_at=record.created_at,
        )


class MadeEndpoint(Endpoint):
    """A new endpoint, and a webhook's signing secret, which is not shown again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _ENDPOINT | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwFx0mM6nQkOk="}
            ]
        }
    )

    secret: str | None = Field(
        default=None,
        description="Signs the webhooks. Keep it: it is shown this once. null where nothing is "
        "signed.",
    )


class Endpoints(Answer):
    """A page of endpoints, newest first."""

    data: list[Endpoint]
    next: str | None
