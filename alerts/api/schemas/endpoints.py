"""Endpoints as they are asked for, changed and shown."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from alerts.api.schemas.base import (
    EXAMPLE_APP,
    EXAMPLE_ENDPOINT,
    Answer,
    Body,
    KindName,
    Line,
    Time,
)
from alerts.api.schemas.health import EXAMPLE_HEALTH, EndpointHealth
from alerts.domain.deliveries import Channel, DisableReason, EndpointState, Order
from alerts.domain.events import SUBSCRIBABLE, EventType, points
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES, Filter
from alerts.store.endpoints import EndpointRecord

MASK: Final = "********"
MOST_TOKENS: Final = 10_000
_TYPE_NAMES: Final = [event_type.value for event_type in SUBSCRIBABLE]
_KINDS: Final = [kind.value for kind in Kind]
_URL: Final = "https://example.com/hook"

_FILTER: Final[dict[str, Any]] = {
    "tokens": ["token_metrics:3375"],
    "kinds": ["fundamental", "trader"],
    "types": ["grade.upgraded", "grade.downgraded"],
    "min_notches": 1,
    "min_delta": 0,
}
_ENDPOINT: Final[dict[str, Any]] = {
    "id": EXAMPLE_ENDPOINT,
    "app_id": EXAMPLE_APP,
    "channel": "webhook",
    "url": _URL,
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
    "headers": {"x-tenant": MASK},
    "created_at": "2026-11-19T14:02:11Z",
}


def _subscribable(value: object) -> object:
    if value not in _TYPE_NAMES:
        expected = ", ".join(f"'{name}'" for name in _TYPE_NAMES)
        raise PydanticCustomError("enum", "should be one of {expected}", {"expected": expected})
    return EventType(str(value))


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return name


TypeName = Annotated[
    EventType, BeforeValidator(_subscribable), WithJsonSchema({"enum": _TYPE_NAMES})
]
TimeZone = Annotated[Line, AfterValidator(_time_zone)]
TokenName = Annotated[Line, Field(min_length=1, max_length=120)]
Tokens = Annotated[list[TokenName], Field(min_length=1, max_length=MOST_TOKENS)]
Kinds = Annotated[list[KindName], Field(min_length=1)]
Types = Annotated[list[TypeName], Field(min_length=1)]
Notches = Annotated[int, Field(ge=1, le=20)]
Points = Annotated[float, Field(ge=0, le=100)]
Rate = Annotated[float, Field(gt=0, le=1000)]
Description = Annotated[Line, Field(max_length=200)]
Lifetime = Annotated[int, Field(ge=60, le=2_592_000)]


class NewFilter(Body):
    """Which changes an endpoint wants."""

    tokens: Tokens | None = Field(
        default=None, description="Ids, or symbols that only one token bears; null is all."
    )
    kinds: Kinds = Field(default=_KINDS, validate_default=False)
    types: Types = Field(default=sorted(DEFAULT_TYPES), validate_default=False)
    min_notches: Notches = Field(
        default=1, description="Bands; counts for upgrades and downgrades."
    )
    min_delta: Points = Field(default=0, description="Points that a score must move by.")

    def wanted(self) -> Filter:
        """The domain's filter, its tokens yet to be resolved."""
        return Filter(
            tokens=None,
            kinds=frozenset(Kind(kind) for kind in self.kinds),
            types=frozenset(self.types),
            min_notches=self.min_notches,
            min_delta=round(self.min_delta * 100),
        )


class FilterChange(Body):
    """What of a filter changes; what is left out stays."""

    tokens: Tokens | None = Field(default=None, description="null is all.")
    kinds: Kinds = Field(default=_KINDS)
    types: Types = Field(default=sorted(DEFAULT_TYPES))
    min_notches: Notches = 1
    min_delta: Points = 0


class NewDigest(Body):
    """The net changes of a local week, told once."""

    weekday: int = Field(ge=1, le=7, description="1 is Monday, 7 is Sunday.")
    hour: int = Field(ge=0, le=23, description="In that time zone.")
    time_zone: TimeZone = Field(description="An IANA name, such as Europe/Berlin.")
    kinds: Kinds = Field(default=_KINDS)
    tokens: Tokens | None = Field(default=None, description="null is all.")
    min_notches: Notches = 1
    when_empty: Literal["skip", "say"] = Field(
        default="skip", description="A week without changes."
    )


class DigestChange(Body):
    """What of a digest changes; what is left out stays."""

    weekday: int = Field(default=1, ge=1, le=7)
    hour: int = Field(default=0, ge=0, le=23)
    time_zone: TimeZone = "UTC"
    kinds: Kinds = Field(default=_KINDS)
    tokens: Tokens | None = None
    min_notches: Notches = 1
    when_empty: Literal["skip", "say"] = "skip"


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
                    "headers": {"x-tenant": "blue"},
                }
            ]
        }
    )

    channel: Channel = Field(description="`webhook`; Telegram and Discord are linked from there.")
    url: str | None = Field(
        default=None, description="Where to send; https, and reachable from outside."
    )
    description: Description = ""
    filter: NewFilter = NewFilter()
    digest: NewDigest | None = None
    rate_limit: Rate | None = Field(
        default=None, description="Sends per second; null is unlimited."
    )
    order: Order = Field(
        default=Order.NONE,
        description="Of news about one token and kind. none: `sequence` says which is newer; "
        "strict: the older one first; latest: only the newest that waits.",
    )
    time_to_live_seconds: Lifetime = Field(
        default=259_200, description="How long a change is worth telling; 3 days."
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="Sent along; kept encrypted, shown masked."
    )


class EndpointChange(Body):
    """What changes; what is left out stays. In `headers`, null takes one away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"filter": {"min_notches": 2}, "rate_limit": 5, "headers": {"x-tenant": None}}
            ]
        }
    )

    url: str = ""
    description: Description = ""
    filter: FilterChange = FilterChange()
    digest: DigestChange | None = None
    rate_limit: Rate | None = None
    order: Order = Order.NONE
    time_to_live_seconds: Lifetime = 259_200
    headers: dict[str, str | None] = Field(default_factory=dict)


class ShownFilter(Answer):
    """A filter as it stands. tokens: ids, null is all."""

    tokens: list[str] | None
    kinds: list[Kind]
    types: list[EventType]
    min_notches: int
    min_delta: float


class Endpoint(Answer):
    """An endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENDPOINT]})

    id: str
    app_id: str
    channel: Channel
    url: str | None = Field(description="null where the channel has none.")
    description: str
    state: EndpointState = Field(
        description="paused by you, disabled by us; news meanwhile is skipped, to be replayed."
    )
    disabled_reason: DisableReason | None
    state_since: Time
    health: EndpointHealth
    filter: ShownFilter
    digest: dict[str, Any] | None
    rate_limit: float | None
    order: Order
    time_to_live_seconds: int
    headers: dict[str, str] = Field(description="Values are masked.")
    created_at: Time

    @classmethod
    def of(
        cls,
        record: EndpointRecord,
        *,
        url: str | None,
        headers: Mapping[str, str],
        health: EndpointHealth,
    ) -> Self:
        """From the store's. url, headers: decrypted; header values do not get further than here."""
        tokens = record.filter.tokens
        return cls(
            id=record.id,
            app_id=record.app_id,
            channel=record.channel,
            url=url,
            description=record.description,
            state=record.state,
            disabled_reason=record.disabled_reason,
            state_since=record.state_since,
            health=health,
            filter=ShownFilter(
                tokens=None if tokens is None else list(tokens),
                kinds=sorted(record.filter.kinds),
                types=sorted(record.filter.types),
                min_notches=record.filter.min_notches,
                min_delta=points(record.filter.min_delta) or 0,
            ),
            digest=None if record.digest is None else dict(record.digest),
            rate_limit=record.rate_limit,
            order=record.order,
            time_to_live_seconds=record.time_to_live_seconds,
            headers=dict.fromkeys(headers, MASK),
            created_at=record.created_at,
        )


class MadeEndpoint(Endpoint):
    """A new endpoint with its signing secret, which is not shown again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _ENDPOINT | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwFx0mM6nQkOk="}
            ]
        }
    )

    secret: str = Field(
        default="", description="Signs the webhooks. Keep it: it is shown this once."
    )


class Endpoints(Answer):
    """A page of endpoints, newest first."""

    data: list[Endpoint]
    next: str | None
