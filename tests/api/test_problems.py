"""Refusals: each error has its problem, and none of them tells a secret."""

import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from alerts.api.problem_kinds import ProblemKind
from alerts.api.problems import PROBLEMS, kind_of
from alerts.errors import Denied, GradebellError
from alerts.pipeline.diff import Ladder
from tests.api.conftest import ADMIN_KEY, Api, open_api, problem, serve
from tests.databases import sqlite_path


def tree(root: type[GradebellError]) -> Iterator[type[GradebellError]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


def test_every_error_has_its_problem() -> None:
    ours = [kind for kind in tree(GradebellError) if kind.__module__ == "alerts.errors"]

    assert len(ours) > 5
    assert [kind.__name__ for kind in ours if kind not in PROBLEMS] == []


def test_a_missing_key_and_a_missing_scope_are_two_problems() -> None:
    assert kind_of(Denied("x", authenticated=False)) is ProblemKind.UNAUTHENTICATED
    assert kind_of(Denied("x", authenticated=True)) is ProblemKind.FORBIDDEN


async def test_what_the_framework_refuses_is_a_problem_too(lone_api: Api) -> None:
    problem(await lone_api.get("/v1/nothing"), 404, "not-found")
    problem(await lone_api.get("/v1/endpoints/"), 404, "not-found")
    answer = await lone_api.call("PUT", "/v1/endpoints")
    told = problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert told["detail"] == "this path takes GET, POST"


async def test_a_nul_is_refused_before_any_database_sees_it(api: Api) -> None:
    for path in (
        "/v1/cycles/%00",
        "/v1/tokens?query=%00",
        "/v1/deliveries?endpoint=a%00",
        "/v1/events/evt_%00",
        "/v1/endpoints/x/tokens/%00",
    ):
        problem(await api.get(path), 422, "invalid-input")


@pytest.mark.parametrize(
    "identity", ["x", "ep_", "'; DROP TABLE keys; --", "é", "%F0%9F%94%94", "a" * 5000, "%FF"]
)
async def test_an_id_that_cannot_be_is_not_found(api: Api, identity: str) -> None:
    for noun in ("endpoints", "deliveries", "events", "cycles", "apps", "keys"):
        problem(await api.get(f"/v1/{noun}/{identity}"), 404, "not-found")


async def test_a_database_that_fails_is_503_without_its_words(
    sqlite_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_api(sqlite_url) as api:
        with closing(sqlite3.connect(sqlite_path(sqlite_url))) as connection:
            connection.execute("ALTER TABLE endpoints RENAME TO elsewhere")
        answer = await api.get("/v1/endpoints")

    problem(answer, 503, "storage-failed")
    assert answer.headers["retry-after"] == "2"
    assert "endpoints" not in answer.text
    assert "request.failed" in capfd.readouterr().err


async def test_a_bug_is_500_without_its_words_and_the_next_call_is_answered(
    sqlite_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_api(sqlite_url) as sound:
        await sound.push(1, {"btc": 50})
        no_ladder = Ladder({}, sound.services.ladder.token_page)
        broken = dataclasses.replace(sound.services, ladder=no_ladder)

        async with serve(broken, sound.receiver) as api:
            answer = await api.get("/v1/tokens")
            after = await api.get("/healthz")

    problem(answer, 500, "internal")
    assert "KeyError" not in answer.text
    told = capfd.readouterr().err
    assert "request.failed" in told
    assert "KeyError" in told
    assert ADMIN_KEY not in told
    assert after.status_code == 200


def test_a_traceback_on_a_terminal_shows_no_values() -> None:
    program = """
from alerts.telemetry import LogFormat, Step, configure, fail
configure(LogFormat.CONSOLE, "INFO")
def broken(password):
    raise ValueError("broken")
try:
    broken("hunter2")
except ValueError as error:
    fail(Step.REQUEST_FAILED, error)
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stderr

    assert b"ValueError: broken" in told
    assert b"hunter2" not in told


async def test_a_caller_who_hangs_up_harms_nobody(lone_api: Api) -> None:
    async def endless() -> object:
        yield b'{"grades": ['
        raise ConnectionError("gone")

    with pytest.raises((httpx.HTTPError, ConnectionError)):
        await lone_api.post("/v1/cycles", content=endless())

    assert (await lone_api.get("/healthz")).status_code == 200
