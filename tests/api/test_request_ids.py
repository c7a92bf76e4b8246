"""Request ids: in every answer, every refusal and every log line, the caller's own where sane."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing

import pytest

from alerts.telemetry import LogFormat, configure
from tests.api.conftest import Api, cycle_body, open_api, problem
from tests.databases import sqlite_path

OURS = re.compile(r"req_[0-9a-z]{26}")


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/docs", "/docs/assets/swagger-ui.css", "/v1/endpoints", "/nowhere", "/%00"],
)
async def test_every_answer_bears_an_id_of_its_own(lone_api: Api, path: str) -> None:
    first, second = [await lone_api.get(path) for _ in range(2)]

    assert OURS.fullmatch(first.headers["x-request-id"])
    assert OURS.fullmatch(second.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_caller_s_own_id_is_kept(lone_api: Api) -> None:
    own = "4bf92f35-77b3:a/B_c~d.e+f=@"

    answer = await lone_api.get("/healthz", headers={"x-request-id": own})

    assert answer.headers.get_list("x-request-id") == [own]


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "é", 'x"}', "<script>", "a\tb"])
async def test_what_is_no_sane_id_is_replaced(lone_api: Api, given: str) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]

    answer = await lone_api.http.get("/healthz", headers=headers)

    assert OURS.fullmatch(answer.headers["x-request-id"])


async def test_two_ids_are_none(lone_api: Api) -> None:
    answer = await lone_api.http.get(
        "/healthz", headers=[("x-request-id", "one"), ("x-request-id", "two")]
    )

    assert OURS.fullmatch(answer.headers["x-request-id"])


async def test_a_refusal_names_its_request(lone_api: Api) -> None:
    calls = [("GET", "/nowhere"), ("PUT", "/v1/endpoints"), ("GET", "/%00"), ("POST", "/v1/apps")]
    for method, path in calls:
        answer = await lone_api.call(method, path, headers={"x-request-id": "mine-7"})

        assert answer.json()["request_id"] == "mine-7"
        assert answer.headers["x-request-id"] == "mine-7"


async def test_what_breaks_is_logged_and_told_under_one_id(
    sqlite_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_api(sqlite_url) as api:
        with closing(sqlite3.connect(sqlite_path(sqlite_url))) as connection:
            connection.execute("ALTER TABLE endpoints RENAME TO elsewhere")
        answer = await api.get("/v1/endpoints")

    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line]
    assert line["event"] == "request.failed"
    assert line["request_id"] == problem(answer, 503, "storage-failed")["request_id"]


async def test_each_line_of_a_request_bears_its_id_and_no_other(
    lone_api: Api, capfd: pytest.CaptureFixture[str]
) -> None:
    configure(LogFormat.JSON, "INFO")

    await asyncio.gather(
        *(
            lone_api.post(
                "/v1/cycles",
                json=cycle_body(day=day, source=f"source{day}"),
                headers={"x-request-id": f"push-{day}"},
            )
            for day in range(1, 6)
        )
    )

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line]
    told = {line["source"]: line["request_id"] for line in lines if line["event"] == "cycle.diffed"}
    assert told == {f"source{day}": f"push-{day}" for day in range(1, 6)}
