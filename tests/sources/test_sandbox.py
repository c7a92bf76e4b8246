"""The sandbox over HTTP, as its upstream's clients see it."""

import asyncio
import signal
import sys
from datetime import timedelta

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from alerts.errors import InvalidInput
from alerts.sources.sandbox.roster import (
    BITCOIN,
    ETHEREUM,
    OPENING,
)
from alerts.sources.sandbox.server import open_sandbox, serve_sandbox
from tests.sources.conftest import MachineClock, RunSandbox, Sandbox

TM_GRADE = "/v2/tm-grade"
TRADER_GRADES = "/v2/trader-grades"
FUNDAMENTAL = "/v2/fundamental-grade"
SERVING = """
import asyncio, datetime, functools
from alerts.sources.sandbox.server import serve_sandbox
from tests.sources.conftest import MachineClock
asyncio.run(serve_sandbox(
    clock=MachineClock(), port=0, tokens=3, today=datetime.date(2026, 3, 1),
    on_ready=functools.partial(print, flush=True),
))
"""
PATHS = [TM_GRADE, TRADER_GRADES, FUNDAMENTAL]


async def all_rows(sandbox: Sandbox, path: str) -> dict[int, dict[str, object]]:
    answer = await sandbox.grades(path, limit=100)
    return {row["TOKEN_ID"]: row for row in answer.json()["data"]}


class TestContract:
    @pytest.mark.parametrize("path", PATHS)
    async def test_the_same_seed_day_and_faults_give_the_same_bytes(
        self, sandbox: RunSandbox, path: str
    ) -> None:
        twins = [await sandbox(seed=5), await sandbox(seed=5)]
        for each in twins:
            await each.switch_on(effect="restate", tokens=[BITCOIN])
        # One walks there day by day, the other jumps.
        for _ in range(10):
            twins[0].clock.advance(1)
            await twins[0].grades(path)
        twins[1].clock.today = OPENING + timedelta(days=10)

        bodies = [(await each.grades(path, limit=100)).content for each in twins]

        assert bodies[0] == bodies[1]

    async def test_another_seed_gives_other_grades(self, sandbox: RunSandbox) -> None:
        bodies = [(await (await sandbox(seed=s)).grades(TM_GRADE)).content for s in (1, 2)]

        assert bodies[0] != bodies[1]

    async def test_tm_grade_writes_numbers_as_texts(self, sandbox: RunSandbox) -> None:
        running = await sandbox()
        running.clock.advance(3)

        row = (await all_rows(running, TM_GRADE))[BITCOIN]

        assert row["TOKEN_SYMBOL"] == "BTC"
        assert all(isinstance(row[f], str) for f in ("TM_GRADE", "QUANT_GRADE"))
        assert row["TM_GRADE_SIGNAL"] in {"Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy"}
        assert {"TM_GRADE_24h_PCT_CHANGE", "TM_TRADER_GRADE_24H_CHANGE", "MOMENTUM"} < set(row)

    async def test_a_trader_grade_is_the_measured_mix_of_its_components(
        self, sandbox: RunSandbox
    ) -> None:
        rows = await all_rows(await sandbox(), TRADER_GRADES)

        for row in rows.values():
            mix = 0.8 * float(str(row["TA_GRADE"])) + 0.2 * float(str(row["QUANT_GRADE"]))
            assert float(str(row["TM_TRADER_GRADE"])) == pytest.approx(mix, abs=0.00501)

    async def test_components_of_a_fundamental_grade_are_from_1_to_10_or_unknown(
        self, sandbox: RunSandbox
    ) -> None:
        rows = await all_rows(await sandbox(), FUNDAMENTAL)
        scores = [value for row in rows.values() for f, value in row.items() if "_SCORE" in f]

        assert len(scores) == 5 * len(rows)
        assert None in scores
        assert all(1 <= float(str(score)) <= 10 for score in scores if score is not None)

    @pytest.mark.parametrize(("dated", "with_date"), [(True, set(PATHS)), (False, {TRADER_GRADES})])
    async def test_undated_rows_are_as_documented_and_dated_ones_a_switch(
        self, sandbox: RunSandbox, dated: bool, with_date: set[str]
    ) -> None:
        running = await sandbox(dated=dated)
        found = {p for p in PATHS if "DATE" in (await all_rows(running, p))[BITCOIN]}

        assert found == with_date

    async def test_numbers_mix_whole_and_broken_as_upstream_does(self, sandbox: RunSandbox) -> None:
        rows = await all_rows(await sandbox(), FUNDAMENTAL)

        types = {type(row["COMMUNITY_SCORE"]) for row in rows.values()}

        assert types == {int, float}

    async def test_without_the_key_there_is_nothing(self, sandbox: RunSandbox) -> None:
        control = (await sandbox()).control

        for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": ""}):
            answer = await control.get(TM_GRADE, headers=headers)

            assert answer.status_code == 401, headers
            assert answer.json()["success"] is False

    async def test_a_limit_or_page_out_of_range_is_a_400(self, sandbox: RunSandbox) -> None:
        running = await sandbox()

        for name, value in [
            ("limit", "101"),
            ("limit", "0"),
            ("limit", "30d"),
            ("page", "0"),
            ("page", "-1"),
            ("page", "٣"),
            ("page", "9" * 5000),
        ]:
            answer = await running.grades(TM_GRADE, **{name: value})

            assert answer.status_code == 400, (name, value)
            assert name in answer.json()["message"]

    async def test_an_unknown_parameter_is_ignored_with_a_warning(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox()

        plain = await running.grades(TM_GRADE)
        answer = await running.grades(TM_GRADE, start_date="2026-01-01", **{"ü\n": 1})

        assert answer.content == plain.content
        assert "start_date" in answer.headers["x-sandbox-warning"]
        assert "x-sandbox-warning" not in plain.headers

    async def test_every_answer_has_a_request_id_of_its_own(self, sandbox: RunSandbox) -> None:
        running = await sandbox()
        await running.switch_on(effect="500", count=1)

        ids = [(await running.grades(TM_GRADE)).headers["x-request-id"] for _ in range(3)]

        assert len(set(ids)) == 3

    async def test_pages_cut_the_rows_without_loss(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=60)

        pages = [(await running.grades(TM_GRADE, limit=25, page=n)).json() for n in range(1, 5)]

        assert [page["length"] for page in pages] == [25, 25, 9, 0]
        rows = [row for page in pages for row in page["data"]]
        assert rows == (await running.grades(TM_GRADE, limit=100)).json()["data"]
        ids = [row["TOKEN_ID"] for row in rows]
        assert ids != sorted(ids)

    async def test_filters_join_their_values_and_meet_each_other(self, sandbox: RunSandbox) -> None:
        running = await sandbox()

        async def ids(**filters: str) -> set[int]:
            answer = await running.grades(TM_GRADE, **filters)
            return {row["TOKEN_ID"] for row in answer.json()["data"]}

        assert await ids(token_id=f"{BITCOIN},{ETHEREUM},12") == {BITCOIN, ETHEREUM}
        assert len(await ids(symbol="wolf")) == 3
        assert await ids(symbol="BTC", token_name="Bitcoin") == {BITCOIN}
        assert len(await ids(symbol="BTC")) == 2
        assert await ids(token_id=str(ETHEREUM), symbol="BTC") == set()


class TestServer:
    async def test_a_port_that_is_taken_is_an_error_that_names_it(
        self, sandbox: RunSandbox
    ) -> None:
        port = httpx.URL((await sandbox(size=1)).url).port
        assert port is not None

        with pytest.raises(InvalidInput, match=f"port: cannot listen on 127.0.0.1:{port}"):
            await serve_sandbox(clock=MachineClock(), port=port)

    async def test_a_server_of_its_own_ends_with_a_signal(
        self, pytestconfig: pytest.Config
    ) -> None:
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVING,
            stdout=asyncio.subprocess.PIPE,
            cwd=pytestconfig.rootpath,
        )
        assert server.stdout is not None
        url = (await server.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(trust_env=False) as client:
            today = (await client.get(f"{url}/_sandbox/clock")).json()["today"]

        server.send_signal(signal.SIGTERM)

        assert today == "2026-03-01"
        assert await server.wait() == -signal.SIGTERM

    async def test_a_guest_ends_with_its_context(self) -> None:
        async with open_sandbox(_hello) as url, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).text == "hello"

        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(url)


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)
