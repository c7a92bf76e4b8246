"""A few scenarios through the whole service; `make truth` runs them all."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.scenarios import SCENARIOS
from alerts.telemetry import LogFormat, configure
from tests.truth.judge import ALL_TYPES, Arrival, Verdict, Wanted, judge
from tests.truth.oracle import truth_of
from tests.truth.run import INTERVALS, run_scenario
from tests.truth.told import MOVED, RESTATED, UP

BRIEF = ["outage-2h", "restatement-day", "endpoint-withdrawn", "schema-change", "cold-start"]


@pytest.fixture(autouse=True)
def quiet() -> None:
    configure(LogFormat.JSON, "CRITICAL")


@pytest.mark.parametrize("name", BRIEF)
async def test_nothing_is_lost_doubled_false_or_late(name: str, sqlite_url: str) -> None:
    verdict = await run_scenario(SCENARIOS[name], sqlite_url)

    assert verdict.problems == []
    assert (verdict.lost, verdict.doubled, verdict.false, verdict.late) == (0, 0, 0, 0)
    assert verdict.expected > 0
    assert verdict.refused == 0


async def test_a_service_by_other_rules_is_found_out(sqlite_url: str) -> None:
    scenario = replace(SCENARIOS["calm-month"], days=2)

    verdict = await run_scenario(scenario, sqlite_url, move_step=9)

    assert verdict.lost > 0
    assert verdict.doubled == verdict.late == 0


class TestOracle:
    def test_every_fault_is_in_some_scenario(self) -> None:
        used = {fault.effect for one in SCENARIOS.values() for fault in one.faults}

        assert set(Effect) - used == set()

    @pytest.mark.parametrize("name", ["quiet-week", "cold-start"])
    def test_where_nothing_happens_there_is_nothing_to_tell(self, name: str) -> None:
        assert truth_of(SCENARIOS[name], INTERVALS).told == []

    def test_a_turn_of_the_market_is_as_large_as_the_recorded_one(self) -> None:
        scenario = SCENARIOS["bull-turn"]
        told = truth_of(scenario, INTERVALS).told
        day = (scenario.start + timedelta(days=1)).date()

        changes = [each.type for each in told if each.kind == "trader" and each.day == day]

        # Recorded, with the same margin: 160 of 998, of which 130 up.
        assert changes.count(UP) == pytest.approx(130, abs=25)
        assert len(changes) - changes.count(MOVED) == pytest.approx(160, abs=25)

    def test_what_was_told_of_a_day_is_corrected_once(self) -> None:
        told = truth_of(SCENARIOS["restatement-day"], INTERVALS).told

        corrections = [each for each in told if each.type == RESTATED]
        assert corrections
        assert len({(each.kind, each.token, each.day) for each in corrections}) == len(corrections)

    def test_a_month_has_each_kind_of_change(self) -> None:
        told = truth_of(SCENARIOS["vanishing"], INTERVALS).told

        assert {each.type for each in told} == ALL_TYPES


class TestJudge:
    def test_it_notices_what_is_lost_doubled_false_late_or_not_signed(self) -> None:
        scenario = replace(SCENARIOS["calm-month"], days=2)
        right = truth_of(scenario, INTERVALS).told[0]
        body = (
            f'{{"type": "{right.type}", "timestamp": "{right.day}T00:00:00Z", "data": {{'
            f'"token": {{"id": "t:{right.token}", "symbol": "{right.symbol}"}},'
            f' "kind": "{right.kind}", "from": {{"score": {right.before}}},'
            f' "to": {{"score": {right.after}, "band": "{right.band}"}}, "revises": null}}}}'
        ).encode()
        good = Arrival("/a", right.due, "evt_1", body, verified=True)
        late = replace(good, at=right.due + timedelta(seconds=1))
        other = replace(good, body=body.replace(right.symbol.encode(), b"OTHER"))
        want = Wanted("/a", ALL_TYPES)

        def counts(*arrivals: Arrival) -> tuple[int, int, int, int, int]:
            verdict = Verdict("x")
            judge(verdict, [right], [want], arrivals)
            found = verdict.lost, verdict.doubled, verdict.false, verdict.late
            return (*found, len(verdict.problems))

        assert isinstance(right.after, Decimal)
        assert counts(good) == (0, 0, 0, 0, 0)
        assert counts() == (1, 0, 0, 0, 1)
        assert counts(good, good) == (0, 1, 0, 0, 1)
        assert counts(good, replace(good, event_id="evt_2")) == (0, 0, 1, 0, 1)
        assert counts(late) == (0, 0, 0, 1, 1)
        assert counts(other) == (1, 0, 1, 0, 2)
        assert counts(replace(good, verified=False)) == (0, 0, 0, 0, 1)
