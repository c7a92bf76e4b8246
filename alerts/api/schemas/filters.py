"""What an endpoint wants, and how its week is told, as they are asked for and shown."""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from alerts.api.schemas.base import Answer, Body, KindName, Line
from alerts.domain.events import SUBSCRIBABLE, EventType, points
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES, Condition, Filter, Threshold
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
Score = Annotated[float, Field(gt=0, le=100, description="A score; null is none.")]


class WantedThreshold(Body):
    """A score of one kind that is told when it is crossed, by a `grade.crossed`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "trader", "above": 85, "below": None}]}
    )

    kind: KindName
    above: Score | None = Field(default=None, description="Told when a grade comes to it or above.")
    below: Score | None = Field(default=None, description="Told when a grade falls below it.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("must have `above`, `below`, or both")
        return self


class WantedCondition(Body):
    """What a token's grade of one kind must be for its other grade to be told."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "fundamental", "at_least": 80, "below": None}]}
    )

    kind: KindName
    at_least: Score | None = None
    below: Score | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.at_least is None and self.below is None:
            raise ValueError("must have `at_least`, `below`, or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("must have an `at_least` that is less than its `below`")
        return self


_OfKind = TypeVar("_OfKind", WantedThreshold, WantedCondition)


def _one_a_kind(wanted: list[_OfKind]) -> list[_OfKind]:
    if len({each.kind for each in wanted}) < len(wanted):
        raise ValueError("must name each kind once at most")
    return wanted


def thresholds_of(wanted: Iterable[WantedThreshold]) -> tuple[Threshold, ...]:
    """As the domain has them."""
    return tuple(
        Threshold(Kind(each.kind), _hundredths(each.above), _hundredths(each.below))
        for each in sorted(wanted, key=lambda each: each.kind)
    )


def conditions_of(wanted: Iterable[WantedCondition]) -> tuple[Condition, ...]:
    """As the domain has them."""
    return tuple(
        Condition(Kind(each.kind), _hundredths(each.at_least), _hundredths(each.below))
        for each in sorted(wanted, key=lambda each: each.kind)
    )


def _hundredths(score: float | None) -> int | None:
    return None if score is None else round(score * 100)


Thresholds = Annotated[list[WantedThreshold], AfterValidator(_one_a_kind)]
Conditions = Annotated[list[WantedCondition], AfterValidator(_one_a_kind)]


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
    min_delta: Points = Field(default=0, description="Points that a score must move by.")
    thresholds: Thresholds = Field(
        default=[], description="Told besides `types`, one a kind: a `grade.crossed` each time."
    )
    given: Conditions = Field(
        default=[],
        description="What a token's grade of this kind must be for its other grade to be told; "
        "while it is unknown, that is not told.",
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


class ShownThreshold(Answer):
    """A threshold as it stands."""

    kind: Kind
    above: float | None
    below: float | None


class ShownCondition(Answer):
    """A condition as it stands."""

    kind: Kind
    at_least: float | None
    below: float | None


class ShownFilter(Answer):
    """A filter as it stands. tokens: ids, null is all."""

    tokens: list[str] | None
    kinds: list[Kind]
    types: list[EventType]
    min_notches: int
    min_delta: float
    thresholds: list[ShownThreshold]
    given: list[ShownCondition]

    @classmethod
    def of(cls, wanted: Filter) -> Self:
        """From the domain's."""
        return cls(
            tokens=None if wanted.tokens is None else list(wanted.tokens),
            kinds=sorted(wanted.kinds),
            types=sorted(wanted.types),
            min_notches=wanted.min_notches,
            min_delta=points(wanted.min_delta) or 0,
            thresholds=[
                ShownThreshold(kind=each.kind, above=points(each.above), below=points(each.below))
                for each in wanted.thresholds
            ],
            given=[
                ShownCondition(
                    kind=each.kind, at_least=points(each.at_least), below=points(each.below)
                )
                for each in wanted.given
            ],
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
