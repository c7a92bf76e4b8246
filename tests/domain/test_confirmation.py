"""Changes of band that must be confirmed, and grades that flap, said of one token."""

from dataclasses import replace
from datetime import timedelta

from alerts.domain.changes import Diff
from alerts.domain.events import EventType
from alerts.domain.payloads import grade_event
from alerts.domain.ratings import BandPolicy, Confirm, FlapRule
from alerts.domain.told import rating_told
from alerts.domain.verdicts import verdict
from tests.builders import TRADER, cycle, cycle_view, day, grade, hundredths, token, token_view
from tests.domain.telling import parsed
from tests.domain.watch import Watch, watch

TWICE = replace(TRADER, confirm=Confirm(2))
THRICE = replace(TRADER, confirm=Confirm(3))
UNLESS_SURE = replace(TRADER, confirm=Confirm(3, 1000))
RESTLESS = replace(TRADER, flap=FlapRule(2, timedelta(days=7), 3))


def types(found: Diff) -> list[EventType]:
    return [change.type for change in found.changes]


def told(watched: Watch, *scores: float, first: float = 1) -> list[list[EventType]]:
    """What each of these days tells of token 1."""
    return [
        types(watched.sweep(first + number, {0: 50, 1: score}))
        for number, score in enumerate(scores)
    ]


class TestConfirmation:
    def test_a_change_waits_until_it_was_seen_so_often(self) -> None:
        watched = watch(50, policy=THRICE)

        assert told(watched, 64, 66, 65) == [[], [], [EventType.UPGRADED]]
        assert watched.held().since == day(3)
        assert watched.held().pending is None

    def test_a_reading_in_between_begins_anew(self) -> None:
        watched = watch(50, policy=TWICE)

        assert told(watched, 64, 62, 64, 62, 36, 64) == [[], [EventType.MOVED], [], [], [], []]

    def test_one_that_is_far_past_the_edge_is_told_at_once(self) -> None:
        assert told(watch(50, policy=UNLESS_SURE), 69.99) == [[]]
        assert told(watch(50, policy=UNLESS_SURE), 70) == [[EventType.UPGRADED]]
        assert told(watch(50, policy=UNLESS_SURE), 30) == [[]]
        assert told(watch(50, policy=UNLESS_SURE), 29.99) == [[EventType.DOWNGRADED]]

    def test_the_same_cycle_again_confirms_nothing(self) -> None:
        watched = watch(50, policy=TWICE)

        assert types(watched.sweep(1, {1: 64})) == []
        assert types(watched.sweep(1, {1: 64})) == []
        assert types(watched.sweep(1, {1: 65})) == []
        assert types(watched.sweep(2, {1: 65})) == [EventType.UPGRADED]

    def test_absence_confirms_nothing_and_denies_nothing(self) -> None:
        watched = watch(50, policy=TWICE)

        assert types(watched.sweep(1, {0: 50, 1: 64})) == []
        assert types(watched.sweep(2, {0: 50})) == []
        assert types(watched.sweep(3, {0: 50}, complete=False)) == []
        assert types(watched.sweep(4, {0: 50, 1: 64})) == [EventType.UPGRADED]

    def test_a_day_that_comes_late_confirms_nothing(self) -> None:
        watched = watch(50, policy=TWICE)
        watched.sweep(3, {1: 64})

        assert types(watched.sweep(2, {1: 64})) == []
        assert watched.held().rank == 3

    def test_a_day_that_is_restated_counts_as_it_is_now(self) -> None:
        watched = watch(50, policy=THRICE)
        told(watched, 64, 64)

        watched.sweep(1, {1: 50})

        assert told(watched, 64, 64, first=3) == [[], [EventType.UPGRADED]]

    def test_it_goes_to_the_band_of_the_newest_reading(self) -> None:
        watched = watch(50, policy=TWICE)

        assert told(watched, 64, 84) == [[], [EventType.UPGRADED]]
        assert watched.held().rank == 5

    def test_a_withdrawn_token_waits_for_nothing(self) -> None:
        watched = watch(50, 64, policy=TWICE)
        for number in range(2, 9):
            watched.sweep(number, {0: 50})

        assert watched.held().withdrawn
        assert watched.held().pending is None
        assert told(watched, 64, first=9) == [[EventType.REINSTATED]]


class TestWhatIsTold:
    def upgrade(self, policy: BandPolicy = TWICE) -> dict[str, object]:
        watched = Watch(policy)
        days = [(50, 40), (64, 80), (65, 81)]
        for number, (score, part) in enumerate(days):
            swept = cycle([grade(1, score, components={"vc": part})], at=day(number))
            found = watched.take(swept)
        (change,) = found.changes
        assert change.size == hundredths(15)
        event = grade_event(change, token=token_view(), cycle=cycle_view(swept), policy=policy)
        return parsed(event)

    def test_a_change_is_measured_from_before_what_confirmed_it(self) -> None:
        payload = self.upgrade()
        data = payload["data"]

        assert isinstance(data, dict)
        assert (data["from"]["score"], data["to"]["score"], data["delta"]) == (50, 65, 15)
        assert data["from"]["as_of"] == "2026-11-01T00:00:00Z"
        assert data["components"] == [{"name": "vc", "from": 40, "to": 81, "delta": 41}]
        assert data["confirms"] == [{"score": 64, "as_of": "2026-11-02T00:00:00Z"}]

    def test_a_payload_is_enough_to_judge_again(self) -> None:
        before = rating_told(token(), self.upgrade(), TWICE)

        assert before is not None
        again = verdict(before, 6500, TWICE, as_of=day(2))
        other = verdict(before, 6200, TWICE, as_of=day(2))
        assert (again.type, again.rank) == (EventType.UPGRADED, 4)
        assert (other.type, other.rank) == (EventType.MOVED, 3)

    def test_what_denied_a_change_is_judged_again_with_what_had_waited_for_it(self) -> None:
        watched = watch(50, 64, policy=TWICE)
        swept = cycle({1: 57}, at=day(2))
        (change,) = watched.take(swept).changes
        event = grade_event(change, token=token_view(), cycle=cycle_view(swept), policy=TWICE)

        payload = parsed(event)
        before = rating_told(token(), payload, TWICE)

        assert payload["data"]["denies"] == [{"score": 64, "as_of": "2026-11-02T00:00:00Z"}]
        assert before is not None
        again = verdict(before, 6600, TWICE, as_of=day(2))
        assert (again.type, again.rank) == (EventType.UPGRADED, 4)

    def test_what_was_seen_once_and_is_denied_by_a_sure_change_is_no_part_of_it(self) -> None:
        watched = watch(50, 64, policy=UNLESS_SURE)
        swept = cycle({1: 20}, at=day(2))
        (change,) = watched.take(swept).changes
        event = grade_event(change, token=token_view(), cycle=cycle_view(swept), policy=UNLESS_SURE)

        data = parsed(event)["data"]

        assert "confirms" not in data
        assert [one["score"] for one in data["denies"]] == [64]


class TestFlapping:
    def test_the_change_that_makes_it_flap_says_so_and_is_the_last_for_now(self) -> None:
        watched = watch(50, policy=RESTLESS)

        assert told(watched, 64, 50) == [[EventType.UPGRADED], [EventType.DOWNGRADED]]
        (change,) = watched.sweep(3, {0: 50, 1: 64}).changes
        assert change.after is not None
        assert change.after.is_flapping
        assert told(watched, 50, 99, 1, 50, 64, 50, 64, first=4) == [[]] * 7

    def test_it_ends_with_a_band_that_holds(self) -> None:
        watched = watch(50, 64, 50, 64, policy=RESTLESS)

        assert told(watched, 50, 50, 51, first=4) == [[], [], [EventType.DOWNGRADED]]
        assert not watched.held().is_flapping

    def test_of_the_band_told_last_nothing_is_told_once_it_holds(self) -> None:
        watched = watch(50, 64, 50, 64, policy=RESTLESS)

        assert told(watched, 50, 64, 65, 64, first=4) == [[]] * 4
        assert not watched.held().is_flapping
        assert told(watched, 50, first=8) == [[EventType.DOWNGRADED]]

    def test_the_end_says_that_it_flapped(self) -> None:
        watched = watch(50, 64, 50, policy=RESTLESS)
        said = []
        for number, score in enumerate((64, 50, 50, 50), 3):
            swept = cycle({1: score}, at=day(number))
            said += [
                parsed(
                    grade_event(one, token=token_view(), cycle=cycle_view(swept), policy=RESTLESS)
                )["data"]
                for one in watched.take(swept).changes
            ]

        begun, ended = said

        assert begun["flapping"] == {"reversals": 2, "since": "2026-11-03T00:00:00Z", "settles": 3}
        assert ended["settled"] == {"flapping_since": "2026-11-04T00:00:00Z"}
        assert rating_told(token(), {"data": ended}, RESTLESS) is not None

    def test_a_move_with_which_it_settled_is_judged_again_as_it_was(self) -> None:
        watched = watch(50, 64, 50, 64, 70, 70, policy=RESTLESS)
        swept = cycle({1: 71}, at=day(6))
        (change,) = watched.take(swept).changes
        event = grade_event(change, token=token_view(), cycle=cycle_view(swept), policy=RESTLESS)

        before = rating_told(token(), parsed(event), RESTLESS)

        assert before is not None
        again = [verdict(before, score, RESTLESS, as_of=day(6)).type for score in (7200, 6600)]
        assert again == [EventType.MOVED, None]
        assert verdict(before, 5000, RESTLESS, as_of=day(6)).rank == before.rank

    def test_changes_far_apart_are_no_flapping(self) -> None:
        watched = Watch(RESTLESS)
        for number, score in enumerate((50, 64, 50, 64, 50, 64)):
            found = watched.sweep(8 * number, {0: 50, 1: score})

        assert types(found) == [EventType.UPGRADED]
