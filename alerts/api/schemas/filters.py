"""What an endpoint wants, and how its week is told, as they are asked for and shown."""

import re
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from alerts.api.schemas.base import Answer, Body, KindName, Line
from alerts.api.schemas.rules import (
    Conditions,
    ShownCondition,
    ShownThreshold,
    ShownWindow,
    Thresholds,
    Windows,
    conditions_of,
    reaches_of,
    thresholds_of,
)
from alerts.domain.events import SUBSCRIBABLE, EventType, points
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES, Filter
from alerts.domain.summaries import DEFAULT_TOP, MOST_TOP
from alerts.pipeline.naming import MOST_TOKENS

_TYPE_NAMES: Final = [event_type.value for event_type in SUBSCRIBABLE]
# https://docs.discord.com/developers/reference#snowflakes
_SNOWFLAKE: Final = re.compile(r"[0-9]{17,20}")
_KINDS: Final = [kind.value for kind in Kind]


def _subscribable(value: object) -> object:
    if value not in _TYPE_NAMES:
        expected = ", ".join(f"'{name}'" for name in _TYPE_NAMES)
        raise PydanticCustomError("enum", "must be one of {expected}", {"expected": expected})
    return EventType(str(value))


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return name


def _role(text: str) -> str:
    if not _SNOWFLAKE.fullmatch(text):
        raise ValueError("must be a role's id, 17 to 20 digits; in Discord, Copy Role ID")
    return text


TypeName = Annotated[
    EventType, BeforeValidator(_subscribable), WithJsonSchema({"enum": _TYPE_NAMES})
]
TimeZone = Annotated[Line, AfterValidator(_time_zone)]
TokenName = Annotated[Line, Field(min_length=1, max_length=120)]
Tokens = Annotated[list[TokenName], Field(min_length=1, max_length=MOST_TOKENS)]
Kinds = Annotated[list[KindName], Field(min_length=1)]
Types = list[TypeName]
Role = Annotated[Line, AfterValidator(_role)]
Notches = Annotated[int, Field(ge=1, le=20)]
Top = Annotated[int, Field(ge=1, le=MOST_TOP)]
Points = Annotated[float, Field(ge=0, le=100)]


class NewFilter(Body):
    """Which changes an endpoint wants."""

    tokens: Tokens | None = Field(
        default=None, description="Ids, or symbols that only one token bears; null is all."
    )
    kinds: Kinds = Field(default=_KINDS, validate_default=False)
    types: Types = Field(
        default=sorted(DEFAULT_TYPES),
        validate_default=False,
        description="[] is none at once: the digest alone.",
    )
    min_notches: Notches = Field(
        default=1, description="Bands; counts for upgrades and downgrades."
    )
    min_delta: Points = Field(
        default=0,
        description="Points that a score must move by: since the reading before it for a change of "
        "band, since it was last told for a `grade.moved`.",
    )
    thresholds: Thresholds = Field(
        default=[], description="Told besides `types`, one a kind: a `grade.crossed` each time."
    )
    given: Conditions = Field(
        default=[],
        description="What a token's grade of this kind must be for its other grade to be told; "
        "the last known counts, and where it never had one, or has one no more, that is not told.",
    )
    windows: Windows = Field(
        default=[],
        description="Told besides `types`, one a kind: a `grade.rose` or `grade.fell` when a grade "
        "went so far within some days, and again only after that was less.",
    )

    def wanted(self) -> Filter:
        """The domain's filter, its tokens yet to be resolved."""
        return Filter(
            tokens=None,
            kinds=frozenset(Kind(kind) for kind in self.kinds),
            types=frozenset(self.types),
            min_notches=self.min_notches,
            min_delta=round(self.min_delta * 100),
            thresholds=thresholds_of(self.thresholds),
            given=conditions_of(self.given),
            windows=reaches_of(self.windows),
        )


class FilterChange(Body):
    """What of a filter changes; what is left out stays."""

    tokens: Tokens | None = Field(default=None, description="null is all.")
    kinds: Kinds = Field(default=_KINDS)
    types: Types = Field(default=sorted(DEFAULT_TYPES))
    min_notches: Notches = 1
    min_delta: Points = 0
    thresholds: Thresholds = Field(default=[])
    given: Conditions = Field(default=[])
    windows: Windows = Field(default=[])


class ShownFilter(Answer):
    """A filter as it stands. tokens: ids, null is all."""

    tokens: list[str] | None
    kinds: list[Kind]
    types: list[EventType]
    min_notches: int
    min_delta: float
    thresholds: list[ShownThreshold]
    given: list[ShownCondition]
    windows: list[ShownWindow]

    @classmethod
    def of(cls, wanted: Filter) -> Self:
        """From the domain's."""
        return cls(
            tokens=None if wanted.tokens is None else list(wanted.tokens),
            kinds=sorted(wanted.kinds),
            types=sorted(wanted.types),
            min_notches=wanted.min_notches,
            min_delta=points(wanted.min_delta) or 0,
            thresholds=[ShownThreshold.of(each) for each in wanted.thresholds],
            given=[ShownCondition.of(each) for each in wanted.given],
            windows=[ShownWindow.of(each) for each in wanted.windows],
        )


class NewDigest(Body):
    """The net changes of a local week, told once, by a `digest.weekly`."""

    weekday: int = Field(ge=1, le=7, description="1 is Monday, 7 is Sunday.")
    hour: int = Field(ge=0, le=23, description="In that time zone.")
    time_zone: TimeZone = Field(description="An IANA name, such as Europe/Berlin.")
    kinds: Kinds = Field(default=_KINDS)
    tokens: Tokens | None = Field(default=None, description="null is all.")
    min_notches: Notches = Field(default=1, description="Bands, over the week.")
    when_empty: Literal["skip", "say"] = Field(
        default="skip", description="A week without changes."
    )
    top: Top = Field(default=DEFAULT_TOP, description="Lines of each section; all are counted.")
    role: Role | None = Field(
        default=None, description="On Discord: the id of a role to mention; null is nobody."
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
    top: Top = DEFAULT_TOP
    role: Role | None = None
