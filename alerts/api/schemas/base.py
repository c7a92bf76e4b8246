"""What all shapes share: times, labels, problems, and the refusal of unknown fields."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from alerts.domain.events import rfc3339
from alerts.domain.grades import read_as_of
from alerts.errors import InvalidInput

# Control characters and lone surrogates: some databases hold none of them.
_REFUSED: Final = {"Cc", "Cs"}
# A time's offset whose + came as a blank.
_LOST_PLUS: Final = re.compile(r":\d\d(\.\d+)? \d\d:\d\d$")
EXAMPLE_CYCLE: Final = "cyc_01kahg3c8p3d8v6zj4m2q9w7xs"
EXAMPLE_EVENT: Final = "evt_01kah9pm00jv0r6e0g3t6m1kdy"
EXAMPLE_ENDPOINT: Final = "ep_01kahfzv5n9k3t1x7b8c2d4e6f"
EXAMPLE_DELIVERY: Final = "dlv_01kahg3cxqw8m5n2b7v4c1x9za"
EXAMPLE_REQUEST: Final = "req_01kahg3cq0h5w7y9b1d3f5g7j9"
EXAMPLE_APP: Final = "app_01kahfye2r4t6y8w0q1s3d5f7g"


class Body(BaseModel):
    """A request body: immutable, and nothing in it goes unread."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """A response."""

    model_config = ConfigDict(frozen=True)


def _line(text: str) -> str:
    if any(unicodedata.category(character) in _REFUSED for character in text):
        raise ValueError("must hold no control characters")
    return text


def _moment(value: object) -> object:
    try:
        return read_as_of(value, latest=None)
    except InvalidInput as error:
        raise PydanticCustomError("time", "{problem}", {"problem": error.problem}) from None


def _moment_of_query(value: object) -> object:
    if isinstance(value, str) and _LOST_PLUS.search(value):
        problem = "has a blank for its +, as URLs read it: write %2B for +, or the time with Z"
        raise PydanticCustomError("time", "{problem}", {"problem": problem})
    return _moment(value)


# One line of text, as people write it.
Line = Annotated[str, AfterValidator(_line)]
_TIME_SCHEMA: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
# An answer's time: RFC 3339, UTC, with Z.
Time = Annotated[datetime, PlainSerializer(rfc3339), WithJsonSchema(_TIME_SCHEMA)]
# A time somebody sends: RFC 3339 with any offset, or a date.
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_TIME_SCHEMA)]
# The same in a URL.
QueryMoment = Annotated[datetime, BeforeValidator(_moment_of_query), WithJsonSchema(_TIME_SCHEMA)]
KindName = Literal["fundamental", "trader"]


class Problem(Answer):
    """Why a call was refused, and what to mend."""

    type: str = Field(
        description="Stable; tell problems apart by this. A path that leads to what mends it."
    )
    title: str
    status: int
    detail: str = Field(description="For a person to read.")
    field: str | None = Field(default=None, description="The field, parameter or header to mend.")
    candidates: list[str] | None = Field(
        default=None, description="What would have done, nearest first."
    )
    oldest: str | None = Field(
        default=None, description="The oldest `after` that the feed still takes."
    )
    request_id: str | None = Field(
        default=None, description="The request's id, as `X-Request-Id` and our logs have it."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/errors#invalid-input",
                    "title": "A value cannot be used",
                    "status": 422,
                    "detail": "filter.tokens[0]: no token bears the symbol 'BTCC'",
                    "field": "filter.tokens[0]",
                    "candidates": ["BTC", "WBTC"],
                    "request_id": EXAMPLE_REQUEST,
                }
            ]
        }
    )
