"""The breaker of an endpoint, and the share of its attempts that succeed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.deliveries import Deferred, Delivered, Outcome, Reason, Rejected, Scope, Unknown
from alerts.domain.health import (
    FAILING_SHARE,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OPENS_AFTER,
    REMEMBERED,
    Advice,
    Breaker,
    Health,
    advise,
    is_our_outage,
    observe,
)
from tests.builders import day

NOW = day(0)
FINE = Delivered()
DOWN = Deferred(Reason.TIMEOUT)
LIMITED = Deferred(Reason.RATE_LIMITED, None, Scope.ENDPOINT)
ASKED = Deferred(Reason.RATE_LIMITED, timedelta(seconds=7), Scope.ENDPOINT)
TOO_LARGE = Rejected(Reason.TOO_LARGE)
ALL = (FINE, DOWN, LIMITED, ASKED, TOO_LARGE, Unknown(Reason.TIMEOUT))


def after(
    *outcomes: Outcome, since: Health | None = None, now: datetime = NOW, jitter: float = 0
) -> Health:
    return observe(since or Health(), outcomes, now=now, jitter=jitter)


def opened() -> Health:
    return after(*[DOWN] * OPENS_AFTER)


def pauses(probes: int, *, jitter: float = 0) -> list[timedelta]:
    """How long nothing is sent, first and after each probe that fails on time."""
    health, now, found = opened(), NOW, []
    for _ in range(probes):
        assert health.held_until is not None
        found.append(health.held_until - now)
        now = health.held_until
        health = after(DOWN, since=health, now=now, jitter=jitter)
    return found


@pytest.mark.parametrize(
    ("tried", "answering", "is_ours"),
    [(2, 0, False), (3, 0, True), (9, 1, False), (10, 1, True), (100, 11, False), (0, 0, False)],
)
def test_an_outage_is_ours_where_next_to_nobody_answers(
    tried: int, answering: int, *, is_ours: bool
) -> None:
    assert is_our_outage(tried=tried, answering=answering) is is_ours


OUR_TOKEN = Deferred(Reason.AUTH, None, Scope.ENDPOINT)
OUR_PACE = Deferred(Reason.RATE_LIMITED, timedelta(seconds=13), Scope.ENDPOINT, was_asked=False)


@pytest.mark.parametrize("ours", [OUR_TOKEN, OUR_PACE], ids=["token", "pace"])
@pytest.mark.parametrize("before", [Health(), after(DOWN, FINE, DOWN), opened()])
def test_what_failed_for_us_says_nothing_of_an_endpoint(before: Health, ours: Outcome) -> None:
    assert after(*[ours] * 100, since=before, now=day(9)) == before
    assert after(Deferred(Reason.AUTH)) != Health()


def test_five_failures_in_a_row_open_it() -> None:
    before = after(*[DOWN] * (OPENS_AFTER - 1))
    health = after(DOWN, since=before)

    assert before.breaker(NOW) is Breaker.CLOSED
    assert before.held_until is None
    assert (health.breaker(NOW), health.opened_at) == (Breaker.OPEN, NOW)
    assert health.held_until == NOW + FIRST_PAUSE


def test_one_success_among_them_begins_the_count_anew() -> None:
    four = [DOWN] * (OPENS_AFTER - 1)

    assert after(*four, FINE, *four).breaker(NOW) is Breaker.CLOSED


@pytest.mark.parametrize("outcome", [ASKED, TOO_LARGE], ids=["asked to wait", "rejected"])
def test_what_says_nothing_of_the_endpoint_neither_opens_nor_closes_it(outcome: Outcome) -> None:
    four = [DOWN] * (OPENS_AFTER - 1)
    assert after(*[outcome] * 50).breaker(NOW) is Breaker.CLOSED
    assert after(*four, *[outcome] * 50).breaker(NOW) is Breaker.CLOSED
    assert after(*four, outcome, DOWN).breaker(NOW) is Breaker.OPEN

    probe_at = NOW + FIRST_PAUSE
    still = after(outcome, since=opened(), now=probe_at)

    assert (still.breaker(probe_at), still.trips) == (Breaker.PROBING, 1)


@pytest.mark.parametrize("outcome", [LIMITED, Unknown(Reason.TIMEOUT)], ids=["429", "unknown"])
def test_an_overload_without_a_wait_and_an_unknown_end_count_as_failures(outcome: Outcome) -> None:
    assert after(*[outcome] * OPENS_AFTER).breaker(NOW) is Breaker.OPEN


def test_its_pauses_double_up_to_the_longest() -> None:
    seconds = [pause.total_seconds() for pause in pauses(8)]

    assert seconds == [30, 60, 120, 240, 480, 600, 600, 600]


def test_jitter_makes_a_pause_longer_by_a_tenth_at_most() -> None:
    for plain, longer in zip(pauses(8)[1:], pauses(8, jitter=0.99)[1:], strict=True):
        assert plain < longer < plain * 1.1


def test_a_year_of_failed_probes_has_the_longest_pause() -> None:
    health = opened()
    for number in range(60_000):
        health = after(DOWN, since=health, now=NOW + LONGEST_PAUSE * number)

    assert health.opened_at == NOW
    assert health.held_until == NOW + LONGEST_PAUSE * 60_000


def test_a_probe_that_succeeds_closes_it_and_the_next_pause_is_short_again() -> None:
    probe_at = NOW + FIRST_PAUSE
    again = after(DOWN, since=opened(), now=probe_at)
    assert again.held_until is not None

    health = after(FINE, since=again, now=again.held_until)

    assert (health.breaker(again.held_until), health.opened_at) == (Breaker.CLOSED, None)
    reopened = after(*[DOWN] * OPENS_AFTER, since=health, now=again.held_until)
    assert reopened.held_until == again.held_until + FIRST_PAUSE


@pytest.mark.parametrize("outcome", [FINE, DOWN], ids=["delivered", "failed"])
def test_what_was_on_the_wire_when_it_opened_changes_nothing(outcome: Outcome) -> None:
    before = opened()

    health = after(outcome, since=before, now=NOW + FIRST_PAUSE / 2)

    assert (health.opened_at, health.held_until, health.trips) == (NOW, before.held_until, 1)


def test_a_wait_that_was_asked_for_is_not_cut_short() -> None:
    asked = NOW + timedelta(hours=1)

    health = after(*[DOWN] * OPENS_AFTER, since=Health(held_until=asked))

    assert health.held_until == asked


def test_a_share_needs_an_attempt() -> None:
    assert (Health().attempts, Health().success_share) == (0, None)


@given(st.lists(st.sampled_from(ALL), max_size=3 * REMEMBERED))
def test_the_share_is_of_the_last_attempts_whatever_they_came_to(
    outcomes: Sequence[Outcome],
) -> None:
    health = after(*outcomes)

    last = [isinstance(outcome, Delivered) for outcome in outcomes[-REMEMBERED:]]
    assert health.attempts == len(last)
    assert health.success_share == (sum(last) / len(last) if last else None)


@given(
    st.lists(
        st.tuples(st.sampled_from(ALL), st.floats(0, 900), st.floats(0, 1, exclude_max=True)),
        max_size=60,
    )
)
def test_however_it_goes_a_pause_is_never_too_short_nor_too_long(
    story: Sequence[tuple[Outcome, float, float]],
) -> None:
    health, now = Health(), NOW
    for outcome, seconds, jitter in story:
        now += timedelta(seconds=seconds)
        before, health = health, after(outcome, since=health, now=now, jitter=jitter)
        if health.held_until != before.held_until:
            assert before.breaker(now) is not Breaker.OPEN
            assert health.held_until is not None
            assert FIRST_PAUSE <= health.held_until - now < LONGEST_PAUSE * 1.1
        if isinstance(outcome, Delivered) and before.breaker(now) is not Breaker.OPEN:
            assert health.breaker(now) is Breaker.CLOSED


def test_an_endpoint_that_never_failed_is_written_once_it_is_known_well() -> None:
    well = after(*[FINE] * REMEMBERED)

    assert after(FINE, since=well) == well


class TestSpells:
    """Spells of failing: what begins and ends them, and what they call for."""

    def failing(self, *, hours: float, attempts: int, warned: float | None) -> Health:
        """As long as that before NOW, and told of so many hours after it began."""
        since = NOW - timedelta(hours=hours)
        return Health(
            recent=1 << min(attempts, REMEMBERED),
            failing_since=since,
            failing_attempts=attempts,
            warned_at=None if warned is None else since + timedelta(hours=warned),
        )

    def test_a_first_failure_begins_one_and_a_success_ends_it(self) -> None:
        begun = after(DOWN, DOWN, now=NOW)
        ended = after(FINE, since=begun)

        assert (begun.failing_since, begun.failing_attempts, begun.failing_share) == (NOW, 2, 0)
        assert (ended.failing_since, ended.failing_attempts, ended.failing_share) == (None, 0, None)

    @pytest.mark.parametrize("outcome", [ASKED, TOO_LARGE, Unknown(Reason.TIMEOUT)])
    def test_whatever_is_not_delivered_counts(self, outcome: Outcome) -> None:
        assert after(*[outcome] * 7).failing_attempts == 7

    def test_one_lucky_success_among_very_many_does_not_end_it(self) -> None:
        health = after(*[DOWN] * 40, FINE, DOWN)

        assert health.failing_since == NOW
        assert health.failing_attempts == 42
        assert health.failing_share == 1 / 42

    def test_after_a_long_one_a_few_successes_are_enough(self) -> None:
        health = after(*[DOWN] * 5000, FINE, FINE)

        assert health.failing_since == NOW
        assert after(FINE, since=health).failing_since is None

    @pytest.mark.parametrize(
        ("hours", "attempts", "warned", "advice"),
        [
            (35.9, 500, None, None),
            (36, 9, None, None),
            (36, 10, None, Advice.WARN),
            (500, 500, None, Advice.WARN),
            (71.9, 500, 36, None),
            (72, 19, 36, None),
            (72, 20, 36, Advice.CLOSE),
            (72, 20, 37, None),
            (73, 20, 37, Advice.CLOSE),
        ],
    )
    def test_it_takes_hours_and_attempts_and_a_warning_in_time(
        self, hours: float, attempts: int, warned: float | None, advice: Advice | None
    ) -> None:
        health = self.failing(hours=hours, attempts=attempts, warned=warned)

        assert advise(health, NOW) is advice

    def test_nothing_is_called_for_outside_of_one(self) -> None:
        assert advise(Health(), NOW) is None

    @given(st.lists(st.booleans(), min_size=200, max_size=400), st.floats(0.1, 6))
    def test_who_takes_one_in_ten_is_never_closed(self, luck: Sequence[bool], hours: float) -> None:
        """However the others fall: one of any ten in a row is taken."""
        health, now = Health(), NOW
        for number, is_taken in enumerate(luck):
            now += timedelta(hours=hours)
            taken = is_taken or number % 10 == 9
            health = after(FINE if taken else DOWN, since=health, now=now)
            assert health.failing_attempts < REMEMBERED
            assert advise(health, now) is not Advice.CLOSE

    @given(st.lists(st.sampled_from(ALL), max_size=120))
    def test_the_share_of_a_spell_is_of_its_own_attempts(self, outcomes: Sequence[Outcome]) -> None:
        health = after(*outcomes)

        own = [isinstance(one, Delivered) for one in outcomes[-health.failing_attempts :]]
        if health.failing_since is None:
            assert health.failing_share is None
        else:
            last = own[-REMEMBERED:]
            assert health.failing_share == sum(last) / len(last)
            assert health.failing_share < FAILING_SHARE
