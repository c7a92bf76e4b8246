"""A few cases through the whole service; `make truth` runs them all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alerts.sources.sandbox.faults import Effect
from alerts.sources.sandbox.scenarios import SCENARIOS
from alerts.telemetry import LogFormat, configure
from tests.truth.cases import CASES, Case
from tests.truth.endpoints import WANTED
from tests.truth.judge import judge
from tests.truth.messages import Arrival
from tests.truth.oracle import Truth, truth_of
from tests.truth.run import INTERVALS, run_case
from tests.truth.told import CROSSED, DOWN, MOVED, READ, RESTATED, UP, Told
from tests.truth.verdict import Verdict
from tests.truth.wanted import ALL_TYPES, USUAL_TYPES, Wanted, due_of

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def quiet() -> None:
    configure(LogFormat.JSON, "CRITICAL")


def shortened(name: str, days: float) -> Case:
    case = CASES[name]
    return replace(case, scenario=replace(case.scenario, days=days))


BRIEF = [
    CASES["outage-2h"],
    CASES["schema-change"],
    CASES["cold-start"],
    shortened("see-saw-confirmed", 5),
]


@pytest.mark.parametrize("case", BRIEF, ids=lambda case: case.name)
async def test_nothing_is_lost_doubled_false_or_late(case: Case, sqlite_url: str) -> None:
    verdict = await run_case(case, sqlite_url)

    assert verdict.problems == []
    assert (verdict.lost, verdict.doubled, verdict.false, verdict.late) == (0, 0, 0, 0)
    assert verdict.expected > 0
    assert verdict.refused == 0


async def test_a_service_by_other_rules_is_found_out(sqlite_url: str) -> None:
    verdict = await run_case(shortened("calm-month", 2), sqlite_url, move_step=9)

    assert verdict.lost > 0
    assert verdict.doubled == verdict.late == 0


class TestOracle:
    def test_every_fault_is_in_some_scenario(self) -> None:
        used = {fault.effect for one in SCENARIOS.values() for fault in one.faults}

        assert set(Effect) - used == set()

    @pytest.mark.parametrize("name", ["quiet-week", "cold-start"])
    def test_where_nothing_happens_there_is_nothing_to_tell(self, name: str) -> None:
        assert truth_of(CASES[name], INTERVALS).told == []

    def test_a_turn_of_the_market_is_as_large_as_the_recorded_one(self) -> None:
        case = CASES["bull-turn"]
        told = truth_of(case, INTERVALS).told
        day = (case.scenario.start + timedelta(days=1)).date()

        changes = [each.type for each in told if each.kind == "trader" and each.day == day]

        # Recorded, with the same margin: 160 of 998, of which 130 up.
        assert changes.count(UP) == pytest.approx(130, abs=25)
        assert len(changes) - changes.count(MOVED) == pytest.approx(160, abs=25)

    def test_what_was_told_of_a_day_is_corrected_once(self) -> None:
        told = truth_of(CASES["restatement-day"], INTERVALS).told

        corrections = [each for each in told if each.type == RESTATED]
        assert corrections
        assert len({(each.kind, each.token, each.day) for each in corrections}) == len(corrections)

    def test_a_month_has_each_kind_of_change(self) -> None:
        told = truth_of(CASES["vanishing"], INTERVALS).told

        assert {each.type for each in told} == ALL_TYPES

    def test_what_has_to_be_confirmed_is_told_less_and_flaps_all_the_same(self) -> None:
        at_once = truth_of(CASES["see-saw"], INTERVALS).told
        confirmed = truth_of(CASES["see-saw-confirmed"], INTERVALS).told

        for told in (at_once, confirmed):
            assert any(each.flaps for each in told)
            assert {each.type for each in told if each.settles} == {UP, DOWN, MOVED}
        assert len(confirmed) < len(at_once)
        for kind, days in (("trader", 3), ("fundamental", 2)):
            resting = [each for each in confirmed if each.kind == kind and each.confirms]
            assert {each.type for each in resting} == {UP, DOWN}
            assert max(len(each.confirms) + 1 for each in resting if not each.settles) == days
        assert any(each.corrects and each.corrects.confirms for each in confirmed)

    def test_what_goes_by_the_other_grade_is_seldom_undecided(self) -> None:
        truth = truth_of(CASES["calm-month"], INTERVALS)
        (wanted,) = (each for each in WANTED if each.at_least)

        due = due_of(wanted, truth)

        assert len(due) > 200
        assert sum(not must for _, must in due) < 0.05 * len(due)


def read(hour: int, score: float | None, *, before: float | None = 0, kind: str = "trader") -> Told:
    """A reading of token 1. before: None of the first one, or one after a silence."""
    at = MIDNIGHT + hour * HOUR
    was, now = (None if each is None else Decimal(str(each)) for each in (before, score))
    return Told(
        READ, kind, 1, at.date(), "A", was, now, "Buy", revises=False, at=at, due=at + HOUR / 2
    )


class TestWhatIsWanted:
    @pytest.mark.parametrize(
        ("scores", "above", "below", "at"),
        [
            ([84, 84.99, 85, 86], 85, 0, [2]),
            ([84.99, 85, 84.99, 85, 82, 85, 81.99, 85], 85, 0, [1, 7]),
            ([86, 81.99, 90], 85, 0, [2]),
            ([21, 19.99, 22.99, 19, 23, 19], 0, 20, [1, 5]),
            ([84, 90, None, 90, 81, 85], 85, 0, [1, 5]),
        ],
    )
    def test_a_threshold_is_crossed_again_once_the_score_was_back_by_the_margin(
        self, scores: list[float | None], above: int, below: int, at: list[int]
    ) -> None:
        first_or_back = {0, *(n + 1 for n, score in enumerate(scores) if score is None)}
        readings = [
            read(hour, score, before=None if hour in first_or_back else 0)
            for hour, score in enumerate(scores)
        ]
        want = Wanted(
            "/a",
            above={"trader": Decimal(above)} if above else {},
            below={"trader": Decimal(below)} if below else {},
        )

        due = due_of(want, Truth(MIDNIGHT, readings=readings))

        assert [(each.type, each.at) for each, _ in due] == [
            (CROSSED, MIDNIGHT + hour * HOUR) for hour in at
        ]

    @pytest.mark.parametrize(
        ("hour", "answer"), [(0, None), (1, True), (4, None), (5, False), (9, None), (10, False)]
    )
    def test_the_other_grade_is_as_it_was_then_and_either_where_it_changes(
        self, hour: int, answer: bool | None
    ) -> None:
        others = [
            read(0, 70, before=None, kind="fundamental"),
            read(4, 50, kind="fundamental"),
            read(9, 70, kind="fundamental"),
            read(9, None, kind="fundamental"),
        ]
        told = replace(read(hour, 50), type=UP)
        want = Wanted("/a", USUAL_TYPES, at_least={"fundamental": Decimal(60)})

        due = due_of(want, Truth(MIDNIGHT, told=[told], readings=others))

        assert due == ([] if answer is False else [(told, answer is True)])


def upgrade(hour: int, band: str = "Buy", *, event: str = UP) -> Told:
    return replace(read(hour, 70), type=event, band=band)


def arrival(told: Told, hour: float, *, number: int = 1) -> Arrival:
    body = (
        f'{{"type": "{told.type}", "timestamp": "{told.day}T00:00:00Z", "data": {{'
        f'"token": {{"id": "t:{told.token}", "symbol": "{told.symbol}"}},'
        f' "kind": "{told.kind}", "from": {{"score": {told.before}}},'
        f' "to": {{"score": {told.after}, "band": "{told.band}"}}, "revises": null}}}}'
    ).encode()
    return Arrival("/a", MIDNIGHT + hour * HOUR, f"evt_{number}", body, verified=True)


def counts(told: list[Told], want: Wanted, *arrivals: Arrival) -> tuple[int, int, int, int, int]:
    """Lost, doubled, false, late, and lines about it, in two days."""
    verdict = Verdict("x")
    judge(verdict, Truth(MIDNIGHT + 48 * HOUR, told=told), [want], arrivals)
    return verdict.lost, verdict.doubled, verdict.false, verdict.late, len(verdict.problems)


class TestJudge:
    def test_it_notices_what_is_lost_doubled_false_late_or_not_signed(self) -> None:
        right, want = upgrade(0), Wanted("/a", ALL_TYPES)
        good = arrival(right, 0)
        other = arrival(replace(right, symbol="OTHER"), 0)

        assert counts([right], want, good) == (0, 0, 0, 0, 0)
        assert counts([right], want) == (1, 0, 0, 0, 1)
        assert counts([right], want, good, good) == (0, 1, 0, 0, 1)
        assert counts([right], want, good, replace(good, event_id="evt_2")) == (0, 0, 1, 0, 1)
        assert counts([right], want, arrival(right, 0.6)) == (0, 0, 0, 1, 1)
        assert counts([right], want, other) == (1, 0, 1, 0, 2)
        assert counts([right], want, replace(good, verified=False)) == (0, 0, 0, 0, 1)

    def test_a_cooldown_holds_back_and_hides_nothing_that_holds(self) -> None:
        want = Wanted("/a", ALL_TYPES, cooldown=6 * HOUR)
        up, down, again = upgrade(1), upgrade(3, "Sell", event=DOWN), upgrade(5)
        told = arrival(up, 1)

        def late(event: Told, hour: float) -> Arrival:
            return arrival(event, hour, number=2)

        assert counts([up, down], want, told, late(down, 7)) == (0, 0, 0, 0, 0)
        assert counts([up, down], want, told, late(down, 3)) == (0, 0, 1, 0, 1)
        assert counts([up, down], want, told) == (1, 0, 0, 0, 1)
        assert counts([up, down], want, late(down, 3)) == (1, 0, 0, 0, 1)
        assert counts([up, down, again], want, told) == (0, 0, 0, 0, 0)
        assert counts([up, down, again], want, told, late(again, 7)) == (0, 0, 1, 0, 1)
        assert counts([up, down, again], want, told, late(down, 7)) == (1, 0, 1, 0, 2)

    def test_a_move_that_waits_is_told_and_hides_no_change_of_band(self) -> None:
        want = Wanted("/a", ALL_TYPES, cooldown=6 * HOUR)
        up, move = upgrade(1), upgrade(3, event=MOVED)
        down = upgrade(2, "Sell", event=DOWN)
        told = arrival(up, 1)

        assert counts([up, move], want, told, arrival(move, 7, number=2)) == (0, 0, 0, 0, 0)
        assert counts([up, move], want, told) == (1, 0, 0, 0, 1)
        lower = replace(move, band="Sell")
        assert counts([up, down, lower], want, told, arrival(lower, 7, number=2))[0] == 1
