"""Pushes that are refused whole: no JSON, too much of it, or fields that make no sense."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from alerts.api.ingest import MOST_BYTES, MOST_ROWS
from tests.api.conftest import ADMIN_KEY, Api, cycle_body, problem


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"kind": "technical"}, "kind", id="unknown-kind"),
        pytest.param({"kind": 5}, "kind", id="a-number-as-kind"),
        pytest.param({"source": "My Models"}, "source", id="a-source-with-blanks"),
        pytest.param({"source": "a\u202eb"}, "source", id="a-source-with-a-direction-mark"),
        pytest.param({"source": None}, "source", id="no-source"),
        pytest.param({"as_of": "2026-01-01T00:00:00"}, "as_of", id="no-offset"),
        pytest.param({"as_of": "2099-01-01T00:00:00Z"}, "as_of", id="the-far-future"),
        pytest.param({"as_of": "0001-01-01T00:00:00+14:00"}, "as_of", id="before-all-time"),
        pytest.param({"as_of": "yesterday"}, "as_of", id="a-word-as-time"),
        pytest.param({"as_of": 1767225600}, "as_of", id="a-number-as-time"),
        pytest.param({"complete": "yes"}, "complete", id="a-word-as-boolean"),
        pytest.param({"complete": 1}, "complete", id="a-number-as-boolean"),
        pytest.param({"grades": {}}, "grades", id="an-object-as-list"),
        pytest.param({"grades": None}, "grades", id="no-list"),
        pytest.param({"garde": []}, "garde", id="an-unknown-field"),
    ],
)
async def test_a_bad_field_is_refused_by_name(
    lone_api: Api, change: dict[str, object], field: str
) -> None:
    answer = await lone_api.post("/v1/cycles", json={**cycle_body(), **change})

    assert problem(answer, 422, "invalid-input")["field"] == field
    assert (await lone_api.get("/v1/cycles")).json()["data"] == []


@pytest.mark.parametrize("field", ["source", "kind", "as_of", "grades"])
async def test_a_missing_field_is_refused_by_name(lone_api: Api, field: str) -> None:
    body = cycle_body()
    del body[field]

    answer = await lone_api.post("/v1/cycles", json=body)

    assert problem(answer, 422, "invalid-input")["detail"] == f"{field}: is required"


async def test_an_unknown_field_is_told_with_the_one_that_was_meant(lone_api: Api) -> None:
    answer = await lone_api.post("/v1/cycles", json=cycle_body(grads=[]))

    assert problem(answer, 422, "invalid-input")["candidates"] == ["grades"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b'{"source": "demo",', "truncated", id="half"),
        pytest.param(b'{"source": "demo"]', "byte 17", id="a-wrong-bracket"),
        pytest.param(b'{"grades": [{"score": NaN}]}', "NaN and Infinity", id="NaN"),
        pytest.param(b'{"grades": [{"score": Infinity}]}', "NaN and Infinity", id="inf"),
        pytest.param(b'{"grades": [{"score": -Infinity}]}', "NaN and Infinity", id="-inf"),
        pytest.param(b'{"grades": [{"name": "\\ud83d"}]}', "\\ud83d at byte 22", id="surrogate"),
        pytest.param(b'{"source": "\xff"}', "UTF-8", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="a-well"),
        pytest.param(b'{"grades": ' + b"[" * 100_000, "nested too deeply", id="a-well-inside"),
        pytest.param(b"\xef\xbb\xbf{}", "byte 0", id="a-byte-order-mark"),
    ],
)
async def test_what_is_no_json_is_told_where_it_breaks(
    lone_api: Api, body: bytes, says: str
) -> None:
    answer = await lone_api.post("/v1/cycles", content=body)

    members = problem(answer, 400, "unreadable-body")
    assert says in members["detail"]
    assert members["field"] == "body"


async def test_json_that_is_no_object_is_refused(lone_api: Api) -> None:
    answer = await lone_api.post("/v1/cycles", json=[1])

    problem(answer, 422, "invalid-input")


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536 + 1):
        yield b" " * 65_536


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"content": b" " * (MOST_BYTES + 1)}, id="said-by-content-length"),
        pytest.param({"content": _pieces(MOST_BYTES)}, id="without-content-length"),
    ],
)
async def test_a_body_over_the_cap_is_refused_naming_both_limits(
    lone_api: Api, more: dict[str, Any]
) -> None:
    answer = await lone_api.post("/v1/cycles", **more)

    detail = problem(answer, 413, "too-large")["detail"]
    assert "10 MB" in detail
    assert "50,000" in detail


async def test_a_length_that_is_only_claimed_is_refused_before_anything_is_read(
    lone_api: Api,
) -> None:
    address = lone_api.http.base_url
    reader, writer = await asyncio.open_connection(address.host, address.port)

    writer.write(
        b"POST /v1/cycles HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n"
        b"Authorization: Bearer " + ADMIN_KEY.encode() + b"\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.readline(), timeout=10)
    writer.close()

    assert answer.split()[1] in {b"400", b"413"}


async def test_more_rows_than_the_cap_are_refused_naming_both_limits(lone_api: Api) -> None:
    rows = [{"token_id": number} for number in range(MOST_ROWS + 1)]

    answer = await lone_api.post("/v1/cycles", json=cycle_body(grades=rows))

    detail = problem(answer, 413, "too-large")["detail"]
    assert "50001 grades" in detail
    assert "10 MB" in detail
