"""No body, however made, breaks the reading of a push; and what is read is all there is."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.api.ingest import Push, read_push
from alerts.errors import InvalidInput
from tests.api.conftest import Api, cycle_body

NOW = datetime(2026, 11, 20, tzinfo=UTC)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
rows = st.fixed_dictionaries(
    {"token_id": st.integers(0, 5) | st.text(max_size=4) | values, "score": values},
    optional={
        "symbol": values,
        "name": values,
        "class": values,
        "components": values,
        "scroe": values,
    },
)
cycles = st.fixed_dictionaries(
    {
        "source": st.just("demo") | values,
        "kind": st.just("trader") | values,
        "as_of": st.just("2026-11-01") | values,
        "grades": st.lists(rows | values, max_size=8) | values,
    },
    optional={"complete": st.booleans() | values},
)


def encoded(value: object) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def outcome(body: bytes) -> Push | InvalidInput:
    """What a body comes to; anything but these two is a fault of ours."""
    try:
        return read_push(body, NOW)
    except InvalidInput as refusal:
        return refusal


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    assert isinstance(outcome(body), InvalidInput)


@example(cycle_body(grades=[{"token_id": "\U00014647", "score": 50}]))
@given(cycles)
def test_json_of_any_kind_is_read_or_refused_by_field(cycle: object) -> None:
    came_to = outcome(encoded(cycle))

    if isinstance(came_to, InvalidInput):
        assert came_to.field
        return
    for row in came_to.rejected:
        assert row.problem.isprintable()
        assert row.token_id is None or row.token_id.isprintable()


@given(st.lists(rows | values, max_size=20))
def test_every_row_is_a_grade_or_rejected_or_a_twin(grades: list[Any]) -> None:
    push = read_push(encoded(cycle_body(grades=grades)), NOW)

    read = push.cycle.grades
    rejected = [row.row for row in push.rejected]
    assert rejected == sorted(set(rejected))
    assert len(read) + len(rejected) <= len(grades)
    assert len({grade.token for grade in read}) == len(read)


def test_a_long_body_means_the_same_as_a_short_one() -> None:
    grades = [{"token_id": number, "score": number % 101} for number in range(5000)]

    push = read_push(msgspec.json.encode(cycle_body(grades=grades)), NOW)

    read = push.cycle.grades
    assert [grade.score for grade in read] == [number % 101 * 100 for number in range(5000)]


async def test_fifty_thousand_rows_are_taken_in_one_push(lone_api: Api) -> None:
    grades = [{"token_id": number, "score": 50} for number in range(50_000)]

    answer = await lone_api.post("/v1/cycles", json=cycle_body(grades=grades))

    assert answer.status_code == 201
    shown = (await lone_api.get(f"/v1/cycles/{answer.json()['id']}")).json()
    assert (shown["tokens"], shown["state"]) == (50_000, "done")
