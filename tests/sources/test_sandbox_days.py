"""Who is graded in the sandbox, and how its days pass."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.errors import InvalidInput
from alerts.ports import Clock
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.roster import (
    DELISTED,
    DELISTED_AFTER_DAYS,
    LAST_DAY,
    NEWCOMER,
    NEWCOMER_AFTER_DAYS,
    OPENING,
    RENAMED,
    RENAMED_AFTER_DAYS,
    STABLECOIN,
    roster,
)
from tests.sources.conftest import RunSandbox, Sandbox

UNDATED = datetime(2026, 11, 20, tzinfo=UTC)


async def rows_by_id(sandbox: Sandbox) -> dict[int, dict[str, object]]:
    answer = await sandbox.grades("/v2/tm-grade", limit=100)
    return {row["TOKEN_ID"]: row for row in answer.json()["data"]}


class TestTokens:
    @pytest.mark.parametrize("size", [1, 3, 60, 1000])
    def test_there_are_as_many_tokens_as_asked_each_id_once(self, size: int) -> None:
        tokens = roster(size)

        assert len({token.id for token in tokens}) == size

    @pytest.mark.parametrize("size", [0, -1, 20_001])
    def test_a_market_without_tokens_or_without_bounds_is_refused(self, size: int) -> None:
        with pytest.raises(InvalidInput):
            roster(size)

    def test_symbols_and_even_whole_names_are_shared(self) -> None:
        names = Counter(token.symbol for token in roster())
        both = Counter((token.symbol, token.name) for token in roster())

        assert {symbol for symbol, count in names.items() if count > 1} == {
            "BTC",
            "NYRO",
            "SC",
            "WOLF",
        }
        assert [pair for pair, count in both.items() if count > 1] == [("NYRO", "Nyro")]

    async def test_the_newcomer_the_delisted_and_the_renamed_have_their_days(
        self, sandbox: RunSandbox
    ) -> None:
        running = await sandbox()

        async def on_day(number: int) -> dict[int, dict[str, object]]:
            running.clock.today = OPENING + timedelta(days=number)
            return await rows_by_id(running)

        assert NEWCOMER not in await on_day(NEWCOMER_AFTER_DAYS - 1)
        first_row = (await on_day(NEWCOMER_AFTER_DAYS))[NEWCOMER]
        assert first_row["TM_GRADE_24h_PCT_CHANGE"] is None
        assert (await on_day(RENAMED_AFTER_DAYS - 1))[RENAMED]["TOKEN_SYMBOL"] == "PMAT"
        assert (await on_day(RENAMED_AFTER_DAYS))[RENAMED]["TOKEN_SYMBOL"] == "EPOL"
        assert DELISTED in await on_day(DELISTED_AFTER_DAYS - 1)
        assert DELISTED not in await on_day(DELISTED_AFTER_DAYS)

    def test_the_stablecoin_never_moves(self) -> None:
        market = Market()
        token = next(token for token in market.tokens if token.id == STABLECOIN)
        days = [OPENING + timedelta(days=number) for number in range(200)]

        assert len({market.trader(token, day) for day in days}) == 1
        assert len({market.fundamental(token, day) for day in days}) == 1


class TestClock:
    async def test_it_is_shown_set_and_advanced(self, sandbox: RunSandbox) -> None:
        control = (await sandbox()).control

        await control.put("/_sandbox/clock", json={"today": "2026-02-03"})
        await control.post("/_sandbox/clock/advance", json={"days": 2})
        answer = await control.post("/_sandbox/clock/advance")

        assert answer.json() == {
            "now": "2026-02-06T00:00:00Z",
            "today": "2026-02-06",
            "opening": "2026-01-01",
            "day_seconds": 0.0,
        }
        assert (await control.get("/_sandbox/clock")).json() == answer.json()

    async def test_a_day_that_cannot_be_is_refused(self, sandbox: RunSandbox) -> None:
        running = await sandbox()

        for method, path, body in [
            ("PUT", "/_sandbox/clock", b'{"today": "2025-12-31"}'),
            ("PUT", "/_sandbox/clock", b'{"today": "2040-01-01"}'),
            ("PUT", "/_sandbox/clock", b'{"day": "2026-01-05"}'),
            ("PUT", "/_sandbox/clock", b"tomorrow"),
            ("PUT", "/_sandbox/clock", b"[" * 100_000),
            ("POST", "/_sandbox/clock/advance", b'{"days": 0}'),
            ("POST", "/_sandbox/clock/advance", b'{"days": 99999999999}'),
        ]:
            answer = await running.control.request(method, path, content=body)

            assert answer.status_code == 400, body[:40]
        assert running.clock.today == OPENING

    def test_days_pass_at_the_speed_asked_for_and_stop_at_the_last(self) -> None:
        watch = Watch()
        clock = VirtualClock(clock=watch, day_seconds=10)

        days = []
        for seconds in (0, 9.9, 10, 35, 1e12):
            watch.seconds = seconds
            days.append((clock.today - OPENING).days)

        assert days == [0, 0, 1, 3, (LAST_DAY - OPENING).days]

    def test_a_set_day_begins_when_it_is_set(self) -> None:
        watch = Watch(seconds=15)
        clock = VirtualClock(clock=watch, day_seconds=10)
        clock.today = date(2026, 5, 1)
        watch.seconds = 24

        assert clock.today == date(2026, 5, 1)


class Watch(Clock):
    """A clock that is turned by hand."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return UNDATED

    def monotonic(self) -> float:
        return self.seconds
