"""Rules that a filter names beside its types, as they are asked for and shown."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from alerts.api.schemas.base import Answer, Body, KindName
from alerts.domain.events import Window, points
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Reach, Threshold


def _to_hundredths(number: float) -> float:
    return round(number, 2)


# As exact as grades are; what is less than a hundredth would be none.
Size = Annotated[
    float,
    Field(ge=0.01, le=1000, description="Points, or percent; null is none."),
    AfterValidator(_to_hundredths),
]
Score = Annotated[
    float,
    Field(ge=0.01, le=100, description="A score; null is none."),
    AfterValidator(_to_hundredths),
]


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


class WantedWindow(Body):
    """How far a grade of one kind must go within a window to be told.

    It is told by a `grade.rose` or a `grade.fell`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "trader", "days": 7, "unit": "points", "rise": 15, "fall": 15}]
        }
    )

    kind: KindName
    days: Literal[1, 7] = Field(description="Of 24 hours, up to the reading.")
    unit: Literal["points", "percent"] = Field(
        default="points", description="percent: of the score that the move began at."
    )
    rise: Size | None = Field(
        default=None, description="Told when a grade rises so far above the lowest of the window."
    )
    fall: Size | None = Field(
        default=None, description="Told when a grade falls so far below the highest of the window."
    )

    @model_validator(mode="after")
    def _names_a_size(self) -> Self:
        if self.rise is None and self.fall is None:
            raise ValueError("must have `rise`, `fall`, or both")
        for size, most in ((self.rise, 1000), (self.fall, 100)):
            if size is not None and size > (most if self.unit == "percent" else 100):
                raise ValueError("names a size that no grade can move by")
        return self


_OfKind = TypeVar("_OfKind", WantedThreshold, WantedCondition, WantedWindow)


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


def reaches_of(wanted: Iterable[WantedWindow]) -> tuple[Reach, ...]:
    """As the domain has them."""
    return tuple(
        Reach(
            Kind(each.kind),
            Window(f"{each.days} {each.unit}"),
            _hundredths(each.rise),
            _hundredths(each.fall),
        )
        for each in sorted(wanted, key=lambda each: each.kind)
    )


def _hundredths(score: float | None) -> int | None:
    return None if score is None else round(score * 100)


Thresholds = Annotated[list[WantedThreshold], AfterValidator(_one_a_kind)]
Conditions = Annotated[list[WantedCondition], AfterValidator(_one_a_kind)]
Windows = Annotated[list[WantedWindow], AfterValidator(_one_a_kind)]


class ShownThreshold(Answer):
    """A threshold as it stands."""

    kind: Kind
    above: float | None
    below: float | None

    @classmethod
    def of(cls, named: Threshold) -> Self:
        """From the domain's."""
        return cls(kind=named.kind, above=points(named.above), below=points(named.below))


class ShownCondition(Answer):
    """A condition as it stands."""

    kind: Kind
    at_least: float | None
    below: float | None

    @classmethod
    def of(cls, asked: Condition) -> Self:
        """From the domain's."""
        return cls(kind=asked.kind, at_least=points(asked.at_least), below=points(asked.below))


class ShownWindow(Answer):
    """A window as it stands."""

    kind: Kind
    days: int
    unit: str
    rise: float | None
    fall: float | None

    @classmethod
    def of(cls, named: Reach) -> Self:
        """From the domain's."""
        return cls(
            kind=named.kind,
            days=named.window.days,
            unit=named.window.unit,
            rise=points(named.rise),
            fall=points(named.fall),
        )
