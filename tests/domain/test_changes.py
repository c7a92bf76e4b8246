"""What a cycle comes to, said of one token at a time."""

from dataclasses import replace

import pytest

from alerts.domain.changes import Diff
from alerts.domain.events import EventType
from alerts.domain.ratings import BandPolicy
from alerts.domain.verdicts import verdict
from tests.builders import FUNDAMENTAL, TRADER, Points, day, grade, rating, token
from tests.domain.watch import Watch, watch


def types(found: Diff) -> list[EventType]:
    return [change.type for change in found.changes]


class TestTheFirstCycle:
    def test_it_brings_ratings_and_no_events(self) -> None:
        watched = Watch()

        found = watched.sweep(0, {1: 15, 2: 50, 3: 99, 4: None})

        assert found.changes == ()
        assert [(held.token, held.rank, held.score) for held in found.ratings] == [
            (token(1), 1, 1500),
            (token(2), 3, 5000),
            (token(3), 5, 9900),
        ]
        assert {held.since for held in found.ratings} == {day(0)}
        assert [held.anchor for held in found.ratings] == [1500, 5000, 9900]

    def test_it_may_come_in_parts(self) -> None:
        watched = Watch()

        parts = [
            watched.sweep(0, {1: 15}, complete=False),
            watched.sweep(0, {2: 50}, complete=False),
            watched.sweep(0, {1: 15, 3: 99}, complete=False),
        ]

        assert [types(part) for part in parts] == [[], [], []]
        assert set(watched.ratings) == {token(1), token(2), token(3)}

    def test_a_part_of_a_date_before_it_is_no_news_either(self) -> None:
        watched = Watch()
        watched.sweep(1, {1: 15}, complete=False)

        assert types(watched.sweep(0, {2: 50}, complete=False)) == []

    def test_a_token_it_brought_is_told_of_when_its_row_is_refreshed(self) -> None:
        watched = watch(50)

        (change,) = watched.sweep(0, {1: 70}, complete=False).changes

        assert change.type is EventType.UPGRADED
        assert change.revises is None


class TestNews:
    @pytest.mark.parametrize(
        ("policy", "was", "now", "told", "notches"),
        [
            (TRADER, 15, 61, EventType.UPGRADED, 2),
            (TRADER, 50, 62.99, EventType.MOVED, 0),
            (TRADER, 58, 62.99, None, 0),
            (TRADER, 58, 63, EventType.UPGRADED, 1),
            (TRADER, 41, 37, None, 0),
            (TRADER, 41, 36.99, EventType.DOWNGRADED, -1),
            (TRADER, 99, 0, EventType.DOWNGRADED, -4),
            (TRADER, 50, 54.99, None, 0),
            (TRADER, 50, 55, EventType.MOVED, 0),
            (TRADER, 50, 45, EventType.MOVED, 0),
            (FUNDAMENTAL, 78.9, 83.1, EventType.UPGRADED, 1),
            (FUNDAMENTAL, 90, 88, None, 0),
            (FUNDAMENTAL, 90, 87.99, EventType.DOWNGRADED, -1),
        ],
    )
    def test_a_change_of_band_or_a_move_within_one_is_told(
        self, policy: BandPolicy, was: float, now: float, told: EventType | None, notches: int
    ) -> None:
        watched = watch(was, policy=policy)

        found = watched.sweep(1, {0: 50, 1: now})

        assert types(found) == ([] if told is None else [told])
        assert [change.notches for change in found.changes] == [notches] * len(found.changes)

    def test_a_change_compares_the_last_observation_with_the_band_held(self) -> None:
        watched = watch(58, 61, 62)

        (change,) = watched.sweep(3, {0: 50, 1: 64.5}).changes

        assert change.before is not None
        assert change.after is not None
        assert (change.before.score, change.before.as_of) == (6200, day(2))
        assert (change.before.rank, change.before.since) == (3, day(0))
        assert (change.after.rank, change.after.since, change.after.score) == (4, day(3), 6450)
        assert change.size == 250
        assert change.revises is None

    def test_scores_between_the_margins_keep_the_band_and_since_when(self) -> None:
        watched = watch(58, 62, 58, 62.9, 57.5)

        assert watched.held().rank == 3
        assert watched.held().since == day(0)
        assert watched.held().as_of == day(4)

    def test_small_steps_add_up_to_a_move_and_the_anchor_goes_along(self) -> None:
        watched = watch(50, 52, 54)

        (change,) = watched.sweep(3, {0: 50, 1: 55.5}).changes
        quiet = watched.sweep(4, {0: 50, 1: 51})
        (back,) = watched.sweep(5, {0: 50, 1: 50.5}).changes

        assert change.type is EventType.MOVED
        assert change.size == 550
        assert quiet.changes == ()
        assert back.type is EventType.MOVED
        assert back.size == 500
        assert watched.held().anchor == 5050

    def test_a_change_of_band_sets_the_anchor_too(self) -> None:
        watched = watch(50, 64)

        assert watched.held().anchor == 6400
        assert watched.sweep(2, {0: 50, 1: 60}).changes == ()

    def test_an_unchanged_score_is_no_move_even_when_the_step_was_made_smaller(self) -> None:
        watched = watch(50, 54)
        watched.policy = replace(TRADER, move_step=300)

        assert watched.sweep(2, {0: 50, 1: 54}).changes == ()

    def test_a_new_label_or_component_is_history_but_nothing_to_tell(self) -> None:
        watched = Watch()
        watched.sweep(0, [grade(1, 50, label="Hold", components={"vc": 1})])

        found = watched.sweep(1, [grade(1, 50, label="Sell", components={"vc": 99})])

        assert found.changes == ()
        assert len(found.observed) == 1
        assert watched.held().label == "Sell"
        assert watched.held().components == (("vc", 9900),)

    def test_the_same_again_at_a_later_date_is_remembered_but_is_no_history(self) -> None:
        watched = watch(50)

        found = watched.sweep(1, {0: 50, 1: 50})

        assert found.changes == ()
        assert found.observed == ()
        assert watched.held().as_of == day(1)

    def test_changes_come_in_row_order_and_withdrawn_tokens_last(self) -> None:
        watched = Watch()
        watched.sweep(0, {1: 50, 2: 50, 9: 50})
        for number in range(1, 7):
            watched.sweep(number, {1: 50, 2: 50})

        found = watched.sweep(7, {3: 70, 2: 15, 1: 99})

        assert [change.token for change in found.changes] == [
            token(3),
            token(2),
            token(1),
            token(9),
        ]


class TestATokenSeenForTheFirstTimeLater:
    def test_it_is_initiated_on_the_band_its_score_falls_on(self) -> None:
        watched = watch(50)

        (change,) = watched.sweep(1, {0: 50, 1: 50, 7: 60}).changes

        assert change.type is EventType.INITIATED
        assert change.before is None
        assert change.after == watched.held(7)
        assert change.notches == 0
        assert change.size is None
        assert watched.held(7).rank == 4

    def test_unknown_scores_do_not_make_it_known(self) -> None:
        watched = watch(50)
        quiet = watched.sweep(1, {0: 50, 1: 50, 7: None})

        (change,) = watched.sweep(2, {0: 50, 1: 50, 7: 60}).changes

        assert quiet.changes == ()
        assert change.type is EventType.INITIATED

    def test_a_refreshed_row_names_the_initiation(self) -> None:
        watched = watch(50)
        (initiated,) = watched.sweep(1, {0: 50, 1: 50, 7: 60}).changes

        (change,) = watched.sweep(1, {7: 36}, complete=False).changes

        assert change.type is EventType.DOWNGRADED
        assert change.revises == initiated.id


@pytest.mark.parametrize(
    ("score", "told", "rank"),
    [
        (63, EventType.UPGRADED, 4),
        (36.99, EventType.DOWNGRADED, 2),
        (53, EventType.MOVED, 3),
        (52.99, None, 3),
        (50, None, 3),
    ],
)
def test_a_verdict_is_what_a_score_is_told_as(
    score: Points, told: EventType | None, rank: int
) -> None:
    before = rating(3, 50, anchor=48)

    found = verdict(before, grade(1, score).score or 0, TRADER, as_of=day(1))

    assert (found.type, found.rank) == (told, rank)
