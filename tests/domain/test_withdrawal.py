"""When a token counts as gone, and what it is when it comes back."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from alerts.domain.events import EventType
from alerts.domain.ratings import WITHDRAWN_AFTER_CYCLES
from tests.builders import Points, cycle, day, grade, token
from tests.domain.watch import Watch, watch

GONE: Mapping[int, Points] = {0: 50}


def absent(watched: Watch, *numbers: float) -> list[EventType]:
    """Complete cycles without the token, on these days; what was told of them."""
    return [change.type for number in numbers for change in watched.sweep(number, GONE).changes]


def withdrawn() -> Watch:
    watched = watch(50)
    assert absent(watched, *range(1, 8)) == [EventType.WITHDRAWN]
    return watched


@pytest.mark.parametrize(
    "missing", [GONE, {0: 50, 1: None}], ids=["absent from the rows", "without a score"]
)
def test_a_token_is_withdrawn_after_seven_complete_cycles(missing: Mapping[int, Points]) -> None:
    watched = watch(50)

    told = [watched.sweep(number, missing).changes for number in range(1, 8)]

    assert told[:6] == [()] * 6
    ((change,),) = told[6:]
    assert change.type is EventType.WITHDRAWN
    assert change.before is not None
    assert (change.before.score, change.before.as_of) == (5000, day(0))
    assert change.after is None
    assert change.notches == 0
    assert change.size is None
    assert watched.held().withdrawn


def test_it_is_told_once() -> None:
    watched = withdrawn()

    assert absent(watched, *range(8, 30)) == []


def test_seven_cycles_in_an_hour_are_not_enough() -> None:
    watched = watch(50)
    hours = [number / 24 for number in range(1, 73)]

    assert absent(watched, *hours) == []
    assert absent(watched, 73 / 24) == [EventType.WITHDRAWN]


def test_seventy_two_hours_are_not_enough_with_fewer_cycles() -> None:
    watched = watch(50)

    assert absent(watched, 10, 20, 30, 40, 50, 60) == []
    assert absent(watched, 70) == [EventType.WITHDRAWN]


def test_the_same_date_swept_again_is_counted_once() -> None:
    watched = watch(50)

    assert absent(watched, *[1] * 20, *range(2, 7)) == []
    assert absent(watched, 7) == [EventType.WITHDRAWN]


def test_a_partial_cycle_without_the_token_says_nothing() -> None:
    watched = watch(50)
    for number in range(1, 30):
        watched.sweep(number, GONE, complete=False)

    assert watched.held().absent_cycles == 0


@pytest.mark.parametrize("complete", [True, False])
def test_one_grade_in_between_begins_the_count_anew(complete: bool) -> None:
    watched = watch(50)
    absent(watched, *range(1, 7))
    watched.sweep(7, {0: 50, 1: 50}, complete=complete)

    assert absent(watched, *range(8, 14)) == []
    assert absent(watched, 14) == [EventType.WITHDRAWN]


def test_a_token_whose_row_cannot_be_read_is_not_absent_and_begins_the_count_anew() -> None:
    watched = watch(50)
    absent(watched, *range(1, 7))
    for number in range(7, 20):
        swept = cycle([grade(0, 50)], at=day(number))
        assert watched.take(replace(swept, unread=frozenset({token(1)}))).changes == ()

    assert (watched.held().score, watched.held().as_of) == (5000, day(0))
    assert absent(watched, *range(20, 26)) == []
    assert absent(watched, 26) == [EventType.WITHDRAWN]


def test_the_days_own_grade_outweighs_a_sweep_that_lacks_it() -> None:
    watched = watch(50)
    watched.sweep(1, {1: 50}, complete=False)
    watched.sweep(1, GONE)

    assert watched.held().absent_cycles == 0


def test_a_partial_cycle_of_the_date_it_was_missed_on_ends_the_absence() -> None:
    watched = watch(50)
    absent(watched, 1)
    watched.sweep(1, {1: 50}, complete=False)

    assert watched.held().absent_cycles == 0


def test_a_token_that_comes_back_is_reinstated_as_a_new_baseline() -> None:
    watched = withdrawn()

    (change,) = watched.sweep(9, {0: 50, 1: 62}).changes

    assert change.type is EventType.REINSTATED
    assert change.before is not None
    assert (change.before.score, change.before.rank) == (5000, 3)
    assert (change.notches, change.size, change.revises) == (0, None, None)
    held = watched.held()
    assert (held.rank, held.since, held.anchor, held.withdrawn) == (4, day(9), 6200, False)
    assert (held.absent_cycles, held.absent_since, held.absent_as_of) == (0, None, None)


def test_a_reinstated_token_is_watched_as_before() -> None:
    watched = withdrawn()
    watched.sweep(9, {0: 50, 1: 62})

    (change,) = watched.sweep(10, {0: 50, 1: 15}).changes
    again = absent(watched, *range(11, 18))

    assert change.type is EventType.DOWNGRADED
    assert again == [EventType.WITHDRAWN]


def test_a_token_that_comes_back_on_the_day_it_was_withdrawn_is_reinstated_at_once() -> None:
    watched = withdrawn()

    (change,) = watched.sweep(7, {0: 50, 1: 50}).changes

    assert change.type is EventType.REINSTATED
    assert absent(watched, 7) == []


def test_a_grade_from_before_its_withdrawal_is_late() -> None:
    watched = withdrawn()

    found = watched.sweep(5, {1: 99}, complete=False)

    assert found.changes == ()
    assert found.ratings == ()
    assert [each.token for each in found.late] == [token(1)]
    assert watched.held().withdrawn


def test_two_withdrawals_have_two_ids() -> None:
    watched = watch(50)
    ids = []
    for start in (1, 9):
        for number in range(start, start + WITHDRAWN_AFTER_CYCLES):
            ids += [change.id for change in watched.sweep(number, GONE).changes]
        watched.sweep(start + 7, {0: 50, 1: 50})

    assert len(set(ids)) == 2
