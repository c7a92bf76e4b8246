"""The sandbox's faults, each as a client of upstream meets it; and how often it may be asked."""

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.roster import BITCOIN, ETHEREUM, LITECOIN
from tests.sources.conftest import RunSandbox, Sandbox

TM_GRADE = "/v2/tm-grade"
TRADER_GRADES = "/v2/trader-grades"
FUNDAMENTAL = "/v2/fundamental-grade"
PATHS = [TM_GRADE, TRADER_GRADES, FUNDAMENTAL]
ROWS_OF_A_PAGE = 10


async def rows_of(sandbox: Sandbox, path: str = TM_GRADE, **asked: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = (await sandbox.grades(path, limit=100, **asked)).json()["data"]
    return rows


async def row_of(sandbox: Sandbox, token: int, path: str = TM_GRADE) -> dict[str, object]:
    return next(row for row in await rows_of(sandbox, path) if row["TOKEN_ID"] == token)


class TestFaults:
    async def test_every_effect_can_be_switched_on_and_answers(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=3)
        for effect in Effect:
            two = [BITCOIN, ETHEREUM] if effect is Effect.SYMBOL_SWAP else []
            await running.switch_on(effect=effect.value, count=1, seconds=0.01, tokens=two)
            try:
                answer = await running.grades(TM_GRADE)
            except httpx.TransportError:
                assert effect in {Effect.HANG, Effect.RESET}
            except httpx.DecodingError:
                assert effect is Effect.TRUNCATED_GZIP
            else:
                assert answer.status_code in {200, 302, 401, 402, 403, 404, 429, 500, 502, 503}
            assert (await running.grades(TM_GRADE)).status_code == 200, effect

    async def test_they_are_listed_counted_and_switched_off(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)
        await running.switch_on(effect="500", endpoint="/v2/*-grade")
        await running.switch_on(effect="empty", endpoint=TRADER_GRADES, count=2)

        statuses = [(await running.grades(path)).status_code for path in PATHS]
        listed = (await running.control.get("/_sandbox/faults")).json()["data"]
        await running.control.delete("/_sandbox/faults/1")
        await running.control.delete("/_sandbox/faults")

        assert statuses == [500, 200, 500]
        assert [(fault["id"], fault["spoilt"]) for fault in listed] == [(1, 2), (2, 1)]
        assert (await running.control.get("/_sandbox/faults")).json() == {"data": []}
        assert (await running.grades(TM_GRADE)).status_code == 200

    async def test_a_fault_that_is_none_is_refused(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)

        for body, named in (
            (b"", "symbol-swap"),
            (b"{}", "symbol-swap"),
            (b'{"effect": "none"}', "symbol-swap"),
            (b'{"effect": "500", "cuont": 1}', "fields: effect, endpoint, tokens, page, count"),
            (b'{"effect": "500", "probability": 2}', "fields: effect, endpoint, tokens, page"),
        ):
            answer = await running.control.post("/_sandbox/faults", content=body)

            assert answer.status_code == 400, body
            assert named in answer.json()["message"]

    async def test_switching_off_what_is_not_on_is_a_404(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)

        assert (await running.control.delete("/_sandbox/faults/7")).status_code == 404

    async def test_usage_counts_requests_by_endpoint_and_status(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)
        await running.grades(TM_GRADE)
        await running.grades(TM_GRADE)
        await running.grades(TM_GRADE, limit=0)

        usage = (await running.control.get("/_sandbox/usage")).json()

        assert usage["requests"] == usage["this_month"] == 3
        assert usage["data"] == [
            {"endpoint": TM_GRADE, "status": 200, "requests": 2},
            {"endpoint": TM_GRADE, "status": 400, "requests": 1},
        ]

    async def test_one_is_on_in_its_window_alone(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)
        await running.switch_on(
            effect="500", since="2026-01-01T06:00:00Z", until="2026-01-01T08:00:00Z"
        )

        statuses = []
        for hour in range(5, 9):
            await running.control.put(
                "/_sandbox/clock", json={"now": f"2026-01-01T{hour:02}:00:00Z"}
            )
            statuses.append((await running.grades(TM_GRADE)).status_code)

        assert statuses == [200, 500, 500, 200]

    async def test_one_of_chance_spoils_its_share_and_the_same_each_time(
        self, sandbox: RunSandbox
    ) -> None:
        seen = []
        for _ in range(2):
            running = await sandbox(size=1)
            await running.switch_on(effect="500", probability=0.3)
            seen.append([(await running.grades(TM_GRADE)).status_code for _ in range(60)])

        assert seen[0] == seen[1]
        assert 8 <= seen[0].count(500) <= 30


class TestRows:
    async def test_pages_in_disorder_hold_one_row_twice_and_another_never(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox(size=60)
        await running.switch_on(effect="page-shift")

        pages = [
            (await running.grades(TM_GRADE, limit=ROWS_OF_A_PAGE, page=n)).json()["data"]
            for n in range(1, 8)
        ]

        ids = [row["TOKEN_ID"] for page in pages for row in page]
        assert len(ids) == 59
        assert len(set(ids)) == 58

    async def test_a_partial_page_is_half_of_it_and_says_nothing(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=60)
        await running.switch_on(effect="partial-page", page=2)

        lengths = [
            (await running.grades(TM_GRADE, limit=20, page=n)).json()["length"] for n in (1, 2, 3)
        ]

        assert lengths == [20, 10, 19]

    async def test_what_is_stale_stands_still_and_what_goes_back_moves_behind(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox()
        running.clock.advance(5)
        await running.switch_on(effect="stale", endpoint=TM_GRADE)
        await running.switch_on(effect="date-back", endpoint=FUNDAMENTAL, days=2)
        running.clock.advance(3)

        stale = await row_of(running, BITCOIN)
        back = await row_of(running, BITCOIN, FUNDAMENTAL)

        assert str(stale["DATE"])[:10] == "2026-01-05"
        assert str(back["DATE"])[:10] == "2026-01-07"

    async def test_days_that_are_missing_are_missing_in_the_history_too(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox()
        window = {"since": "2026-01-03T00:00:00Z", "until": "2026-01-05T00:00:00Z"}
        await running.switch_on(effect="date-gap", tokens=[BITCOIN], **window)
        running.clock.advance(2)
        ids = {row["TOKEN_ID"] for row in await rows_of(running)}
        running.clock.advance(4)

        history = await running.grades(
            "/v2/tm-grade-history",
            token_id=BITCOIN,
            startDate="2026-01-01",
            endDate="2026-01-07",
        )

        assert BITCOIN not in ids
        assert ETHEREUM in ids
        assert [row["DATE"][8:10] for row in history.json()["data"]] == [
            "07",
            "06",
            "05",
            "02",
            "01",
        ]

    async def test_a_flapping_grade_goes_there_and_back_by_the_hour(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox(size=1)
        await running.switch_on(effect="flap", points=20)

        seen = []
        for _ in range(4):
            seen.append((await row_of(running, BITCOIN))["TM_GRADE"])
            running.clock.advance(hours=1)

        assert seen[0] == seen[2]
        assert seen[1] == seen[3]
        assert abs(float(str(seen[0])) - float(str(seen[1]))) == pytest.approx(20)

    async def test_a_mass_move_moves_its_share_of_all_tokens(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=90)
        before = {row["TOKEN_ID"]: row["TM_GRADE"] for row in await rows_of(running)}
        await running.switch_on(effect="mass-move", points=45, percent=30)

        moved = [
            row for row in await rows_of(running) if row["TM_GRADE"] != before[row["TOKEN_ID"]]
        ]

        assert 15 <= len(moved) <= 40

    async def test_two_tokens_exchange_their_names(self, sandbox: RunSandbox) -> None:
        running = await sandbox()
        await running.switch_on(effect="symbol-swap", tokens=[BITCOIN, LITECOIN])

        found = [(await row_of(running, token))["TOKEN_SYMBOL"] for token in (BITCOIN, LITECOIN)]

        assert found == ["LTC", "BTC"]

    async def test_the_date_of_an_answer_is_as_far_off_as_it_is_told(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox(size=1)
        right = parsedate_to_datetime((await running.grades(TM_GRADE)).headers["date"])
        await running.switch_on(effect="clock-skew", skew_seconds=-172_800)

        wrong = parsedate_to_datetime((await running.grades(TM_GRADE)).headers["date"])

        assert timedelta(days=1, hours=23) < right - wrong <= timedelta(days=2)

    async def test_a_rotated_key_is_another_one(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)
        await running.switch_on(effect="auth-rotate", key="tm-new")

        old = await running.grades(TM_GRADE)
        new = await running.control.get(TM_GRADE, headers={"x-api-key": "tm-new"})

        assert (old.status_code, new.status_code) == (401, 200)

    async def test_a_swollen_answer_has_50_megabytes_or_100_000_rows(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox(size=60)
        await running.switch_on(effect="huge", count=1)
        swollen = await running.grades(TM_GRADE)
        await running.switch_on(effect="huge-rows", count=1)

        crowded = await running.grades(TM_GRADE)

        assert len(swollen.content) > 50 * 1024 * 1024
        assert crowded.json()["length"] >= 100_000


class TestPlan:
    async def test_a_key_may_ask_so_often_a_minute_and_is_told_when_to_come_back(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox(size=1)
        plan = {"per_minute": 2, "retry_after": "seconds", "is_virtual": True}
        await running.control.put("/_sandbox/plan", json=plan)

        answers = [await running.grades(TM_GRADE) for _ in range(3)]
        running.clock.advance(hours=1)
        later = [(await running.grades(TM_GRADE)).status_code for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["retry-after"] == "30"
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
        assert later == [200, 200, 429]

    async def test_a_spent_month_says_so_and_ends(self, sandbox: RunSandbox) -> None:
        running = await sandbox(size=1)
        await running.control.put("/_sandbox/plan", json={"per_month": 1, "is_virtual": True})

        statuses = [(await running.grades(TM_GRADE)).status_code for _ in range(2)]
        words = (await running.grades(TM_GRADE)).json()["message"]
        running.clock.advance(31)
        statuses.append((await running.grades(TM_GRADE)).status_code)

        assert statuses == [200, 429, 200]
        assert "monthly" in words
