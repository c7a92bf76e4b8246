"""Refusals are in plain words, whatever a body or a query holds."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from alerts.api.schemas.base import Answer
from alerts.plain_words import plain
from tests.api.conftest import Api, cycle_body, problem

# What only somebody who writes Python says, or pydantic.
FOREIGN = re.compile(
    r"\b(input|str|dict|dictionary|tuple|int|None|True|False|float|integer|string|boolean|item"
    r"|valid|instance|unable|parse|validation)\b|[{}\[\]]|StrEnum|<"
)
VALUES: tuple[object, ...] = (
    None, True, 0, -1, 5, 1.5, 1e300, 10**40, "", "x", "x" * 20_000, "a\x00b", "5", "2026-01-01",
    [], [1], ["x"], ["x"] * 60, [["x"]], {}, {"x": 1}, {"x": None},
)  # fmt: skip
UNUSABLE = "cannot be used"


def shapes(root: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """What callers of the API fill in: bodies, their parts, and queries."""
    for shape in root.__subclasses__():
        if shape is not Answer:
            yield from ([shape] if shape.__module__.startswith("alerts.api") else [])
            yield from shapes(shape)


def errors(shape: type[BaseModel]) -> Iterator[Mapping[str, Any]]:
    """Whatever can be wrong with a body of this shape, or a query."""
    given: list[object] = [*VALUES, {"no_such_field": 1}]
    given += [{name: value} for name, value in product(shape.model_fields, VALUES)]
    for one in given:
        for is_strict in (True, False):
            try:
                shape.model_validate_json(json.dumps(one), strict=is_strict)
            except ValidationError as error:
                yield from error.errors(include_url=False)


@pytest.mark.parametrize("shape", sorted(set(shapes()), key=str))
def test_what_a_caller_did_wrong_is_said_in_plain_words(shape: type[BaseModel]) -> None:
    told = {error["type"]: plain(error) for error in errors(shape)}

    assert len(told) > 1
    assert {kind: words for kind, words in told.items() if FOREIGN.search(words)} == {}
    assert [kind for kind, words in told.items() if words == UNUSABLE] == []


async def test_a_refusal_names_the_field_and_what_it_must_be(lone_api: Api) -> None:
    url = "https://example.com"

    async def told(**body: object) -> list[Any]:
        answer = await lone_api.post("/v1/endpoints", json={"channel": "webhook", **body})
        members = problem(answer, 422, "invalid-input")
        return [members["detail"], members.get("candidates")]

    assert await told(url=url, filter=[]) == ["filter: must be an object", None]
    assert await told(url=5) == ["url: must be text", None]
    assert await told(url=url, filter={"min_notches": 1.5}) == [
        "filter.min_notches: must be a whole number",
        None,
    ]
    assert await told(url=url, rate_limit=0) == ["rate_limit: must be 0.001 or more", None]
    assert (await told(url=url, filter={"types": ["grade.downgrade"]}))[1][0] == "grade.downgraded"
    assert await told(url=url, kinds=["trader"]) == [
        "kinds: is not a field of this call",
        ["filter.kinds", "digest.kinds"],
    ]
    assert await told(url=url, filter={"given": [{"kind": "trader", "above": 80}]}) == [
        "filter.given[0].above: is not a field of this call",
        ["kind", "at_least", "below"],
    ]


async def test_a_score_is_refused_in_plain_words(lone_api: Api) -> None:
    scores = (100.01, -1, True, {"value": 5}, [5], "ninety")
    rows = [{"token_id": place, "score": score} for place, score in enumerate(scores)]

    answer = await lone_api.post("/v1/cycles", json=cycle_body(grades=rows))

    assert [row["problem"] for row in answer.json()["rejected"]] == [
        "score: must be from 0 to 100, not 100.01",
        "score: must be from 0 to 100, not -1",
        "score: must be a number, not true",
        "score: must be a number, not an object",
        "score: must be a number, not a list",
        "score: must be a plain decimal number, not 'ninety'",
    ]
