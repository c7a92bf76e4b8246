"""Rows seen again: refreshed, late, released as history, or put on a new ladder."""

import pytest

from alerts.domain.changes import rebase
from alerts.domain.events import EventType
from alerts.domain.grades import Grade
from alerts.domain.ratings import BandPolicy
from tests.builders import TRADER, cycle, day, grade, rating, token
from tests.domain.watch import Watch, watch


class TestARevision:
    def test_a_refreshed_row_is_told_at_once_and_names_what_it_revises(self) -> None:
        watched = watch(50)
        (first,) = watched.sweep(1, {0: 50, 1: 70}).changes

        (second,) = watched.sweep(1, {0: 50, 1: 15}).changes

        assert (first.type, first.revises) == (EventType.UPGRADED, None)
        assert (second.type, second.revises) == (EventType.DOWNGRADED, first.id)
        assert second.before == first.after
        assert watched.held().revision == 1

    def test_it_names_the_last_told_even_past_one_that_was_silent(self) -> None:
        watched = watch(50)
        (first,) = watched.sweep(1, {0: 50, 1: 70}).changes
        silent = watched.sweep(1, {0: 50, 1: 71})

        (third,) = watched.sweep(1, {0: 50, 1: 15}).changes

        assert silent.changes == ()
        assert third.revises == first.id

    def test_what_was_told_on_another_day_is_not_revised(self) -> None:
        watched = watch(50, 70)

        silent = watched.sweep(2, {0: 50, 1: 71})
        (change,) = watched.sweep(2, {0: 50, 1: 15}).changes

        assert silent.changes == ()
        assert change.revises is None

    def test_there_and_back_again_are_three_events_with_three_ids(self) -> None:
        watched = watch(50)

        told = [
            change
            for score in (70, 15, 70)
            for change in watched.sweep(1, {0: 50, 1: score}).changes
        ]

        assert [change.type for change in told] == [
            EventType.UPGRADED,
            EventType.DOWNGRADED,
            EventType.UPGRADED,
        ]
        assert len({change.id for change in told}) == 3
        assert [change.revises for change in told] == [None, told[0].id, told[1].id]

    @pytest.mark.parametrize(
        "refreshed",
        [grade(1, 50, label="Buy", components={"vc": 1}), grade(1, 50, components={"vc": 2})],
        ids=["label", "component"],
    )
    def test_a_refreshed_label_or_component_alone_is_history(self, refreshed: Grade) -> None:
        watched = Watch()
        watched.sweep(0, [grade(1, 50, components={"vc": 1})])

        found = watched.sweep(0, [refreshed])

        assert found.changes == ()
        assert found.observed == (refreshed,)
        assert watched.held().revision == 1


class TestLateData:
    def test_it_moves_no_rating(self) -> None:
        watched = watch(50, 52, 51)
        before = dict(watched.ratings)

        found = watched.sweep(1, {0: 50, 1: 99})

        assert found.changes == ()
        assert found.ratings == ()
        assert found.observed == ()
        assert [each.token for each in found.late] == [token(0), token(1)]
        assert watched.ratings == before

    def test_a_token_that_was_not_in_the_newer_cycle_is_not_late(self) -> None:
        watched = Watch()
        watched.sweep(0, {1: 50, 2: 50})
        watched.sweep(2, {1: 50}, complete=False)

        (change,) = watched.sweep(1, {1: 99, 2: 99}, complete=False).changes

        assert change.token == token(2)
        assert change.type is EventType.UPGRADED

    def test_absence_from_a_late_cycle_means_nothing(self) -> None:
        watched = watch(50, 50, 50)

        assert watched.sweep(1, {0: 50}).ratings == ()
        assert watched.held().absent_cycles == 0

    def test_a_cycle_released_as_history_moves_nothing_at_all(self) -> None:
        watched = watch(50, 50)
        before = dict(watched.ratings)
        swept = cycle({1: 99, 7: 70}, at=day(3))

        found = watched.take(swept, as_history=True)

        assert found.changes == ()
        assert found.ratings == ()
        assert found.observed == ()
        assert [each.token for each in found.late] == [token(1), token(7)]
        assert watched.ratings == before


class TestRebase:
    def test_every_rating_falls_where_its_score_does_and_is_a_baseline(self) -> None:
        old = [rating(3, 62, number=1, since=day(-9), anchor=58), rating(2, 39, number=2)]
        ladder = BandPolicy(2, ("Low", "Middle", "High"), (3000, 6000), 300, 500)

        new = rebase(old, ladder)

        assert [(held.rank, held.since, held.anchor) for held in new] == [
            (3, day(0), 6200),
            (2, day(0), 3900),
        ]
        assert [(held.token, held.score, held.as_of) for held in new] == [
            (held.token, held.score, held.as_of) for held in old
        ]

    def test_the_next_equal_cycle_is_silent(self) -> None:
        watched = watch(62, 59)
        watched.policy = BandPolicy(2, ("Low", "High"), (5950,), 300, 500)
        watched.ratings = {
            held.token: held for held in rebase(watched.ratings.values(), watched.policy)
        }

        assert watched.sweep(2, {0: 50, 1: 59}).changes == ()
        assert watched.held().rank == 1

    def test_a_withdrawn_rating_stays_withdrawn(self) -> None:
        (new,) = rebase([rating(3, 62)._replace(withdrawn=True)], TRADER)

        assert new.withdrawn
