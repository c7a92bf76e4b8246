"""Alive, ready, and measured."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from alerts.pipeline.fan_out import fan_out_events
from alerts.serving import open_server
from tests.api.conftest import NO_TLS, Api, open_api, problem
from tests.databases import sqlite_path
from tests.receiver import Reply


async def test_alive_and_ready_are_said_to_anybody(api: Api) -> None:
    assert (await api.get("/healthz", key=None)).json() == {"status": "ok"}
    assert (await api.get("/readyz", key=None)).json() == {"database": "ok", "redis": None}


async def test_ready_means_redis_too_where_one_is_set(sqlite_url: str, redis_url: str) -> None:
    async with open_api(sqlite_url, redis_url=redis_url) as api:
        answer = await api.get("/readyz", key=None)

    assert answer.json() == {"database": "ok", "redis": "ok"}


async def test_without_its_redis_it_is_alive_and_not_ready(sqlite_url: str) -> None:
    async with open_api(sqlite_url, redis_url="redis://127.0.0.1:1/0") as api:
        ready, alive = await api.get("/readyz", key=None), await api.get("/healthz", key=None)

    assert problem(ready, 503, "not-ready")["detail"] == "Redis does not answer"
    assert alive.status_code == 200


async def test_without_its_database_it_is_alive_and_not_ready(sqlite_url: str) -> None:
    async with open_api(sqlite_url) as api:
        with closing(sqlite3.connect(sqlite_path(sqlite_url))) as connection:
            connection.execute("ALTER TABLE counters RENAME TO elsewhere")
        ready, alive = await api.get("/readyz", key=None), await api.get("/healthz", key=None)

    assert problem(ready, 503, "not-ready")["detail"] == "the database does not answer"
    assert alive.status_code == 200


async def test_the_meters_tell_what_waits(api: Api) -> None:
    api.receiver.script("/hook", Reply(500))
    await api.endpoint()
    await api.upgrade("btc")
    await api.push(3, {})
    await fan_out_events(store=api.services.store, waker=api.services.waker)

    text = (await api.get("/metrics")).text

    for line in (
        "gradebell_deliveries_waiting 2.0",  # the upgrade, and the word that a cycle is held
        "gradebell_events_total 2.0",
        "gradebell_cycles_held 1.0",
        "gradebell_cycles_open 0.0",
        "gradebell_lanes_repaired_total 0.0",
        'gradebell_endpoints{state="active"} 1.0',
        'gradebell_http_requests_total{method="POST",route="/v1/cycles",status="201"} 3.0',
    ):
        assert f"\n{line}\n" in text


async def test_paths_that_nobody_has_are_one_line_in_the_meters(lone_api: Api) -> None:
    for number in range(3):
        await lone_api.call(f"VERB{number}", f"/{number}")

    text = (await lone_api.get("/metrics")).text

    assert 'gradebell_http_requests_total{method="other",route="(none)",status="404"} 3.0' in text


async def test_an_answer_does_not_wait_for_an_acknowledgement(lone_api: Api) -> None:
    took = []
    for _ in range(20):
        answer = await lone_api.get("/healthz", key=None)
        took.append(answer.elapsed.total_seconds())

    # Without TCP_NODELAY every one of them takes 40 ms.
    assert sorted(took)[10] < 0.03


async def test_a_server_that_ends_answers_what_is_under_way() -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await may_answer.wait()
        await PlainTextResponse("late")(scope, receive, send)

    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        async with open_server(slow) as url:
            asking = asyncio.create_task(client.get(url))
            await asked.wait()
            asyncio.get_running_loop().call_later(0.05, may_answer.set)

        assert (await asking).text == "late"


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def test_a_server_that_ends_leaves_no_socket_behind() -> None:
    sending = asyncio.Event()

    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            sending.set()
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})

    before = open_files()
    async with open_server(endless) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await sending.wait()

    # The caller has taken nothing, and still holds its end.
    assert open_files() == before + 1
    writer.close()
    await writer.wait_closed()


async def test_two_servers_stand_side_by_side_on_ports_of_their_own() -> None:
    async def hello(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError

    async with open_server(hello) as first, open_server(hello) as second:
        assert first != second
