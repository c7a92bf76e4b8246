"""The breaker of an endpoint, and the share of its attempts that succeed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.deliveries import Deferred, Delivered, Outcome, Reason, Rejected, Scope, Unknown
from alerts.domain.health import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OPENS_AFTER,
    REMEMBERED,
    Breaker,
    Health,
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
