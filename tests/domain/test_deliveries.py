"""The state machine of a delivery: every outcome, the whole schedule, and what interrupts it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.deliveries import (
    POISON_AFTER,
    Deferred,
    Delivered,
    EndReason,
    Outcome,
    Reason,
    Rejected,
    Scope,
    State,
    Unknown,
    Verdict,
    after_interruption,
    next_state,
)
from alerts.domain.retries import STANDARD_SCHEDULE, RetrySchedule
from tests.builders import day

NOW = day(0)
FAR = timedelta(days=365)
TIMEOUT = Deferred(Reason.TIMEOUT)
STEPS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


def seconds(*values: float) -> RetrySchedule:
    return RetrySchedule(tuple(timedelta(seconds=value) for value in values))


def settle(
    outcome: Outcome,
    *,
    position: int = 0,
    lives: timedelta = FAR,
    schedule: RetrySchedule = STANDARD_SCHEDULE,
    jitter: float = 0,
) -> Verdict:
    return next_state(
        outcome,
        position=position,
        now=NOW,
        expires_at=NOW + lives,
        schedule=schedule,
        jitter=jitter,
    )


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Delivered(), State.DELIVERED, None),
        (Delivered("message-7"), State.DELIVERED, None),
        (Rejected(Reason.GONE), State.DEAD, Reason.GONE),
        (Rejected(Reason.BLOCKED_ADDRESS), State.DEAD, Reason.BLOCKED_ADDRESS),
        (Unknown(Reason.TIMEOUT), State.UNKNOWN, Reason.TIMEOUT),
    ],
)
@pytest.mark.parametrize("position", [0, 4, 9, 40])
def test_an_outcome_that_ends_it_ends_it_anywhere(
    outcome: Outcome, state: State, reason: Reason | None, position: int
) -> None:
    assert settle(outcome, position=position) == Verdict(state, reason, position)


def test_what_is_deferred_waits_for_the_schedules_next_step() -> None:
    assert settle(TIMEOUT) == Verdict(
        State.PENDING, Reason.TIMEOUT, 1, NOW + timedelta(seconds=5), None
    )


def walk(
    schedule: RetrySchedule, *, jitter: float, lives: timedelta
) -> tuple[list[float], Verdict]:
    """Every attempt deferred: the waits between them in seconds, and the end."""
    now, position = NOW, 0
    waits: list[float] = []
    while True:
        verdict = next_state(
            TIMEOUT,
            position=position,
            now=now,
            expires_at=NOW + lives,
            schedule=schedule,
            jitter=jitter,
        )
        if verdict.due_at is None:
            return waits, verdict
        waits.append((verdict.due_at - now).total_seconds())
        now, position = verdict.due_at, verdict.position


def test_the_schedule_is_the_one_that_was_promised() -> None:
    assert [delay.total_seconds() for delay in STANDARD_SCHEDULE.delays] == list(STEPS)


def test_the_whole_schedule_is_walked_to_its_end() -> None:
    waits, end = walk(STANDARD_SCHEDULE, jitter=0, lives=FAR)

    assert waits == list(STEPS[1:])
    assert end == Verdict(State.DEAD, Reason.TIMEOUT, 9)


def test_a_delivery_that_lives_three_days_has_nine_attempts() -> None:
    waits, end = walk(STANDARD_SCHEDULE, jitter=0, lives=timedelta(hours=72))

    assert waits == list(STEPS[1:-1])
    assert end == Verdict(State.DEAD, EndReason.EXPIRED, 8)


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_makes_no_step_early_and_adds_a_tenth_at_most(jitter: float) -> None:
    waits, _ = walk(STANDARD_SCHEDULE, jitter=jitter, lives=FAR)

    assert len(waits) == len(STEPS) - 1
    for wait, step in zip(waits, STEPS[1:], strict=True):
        assert step <= wait <= step * 1.1


class TestWhatTheOtherSideAsked:
    @pytest.mark.parametrize(
        ("asked", "position", "waits"),
        [
            (90, 0, 90),
            (3, 0, 5),
            (0, 0, 5),
            (90, 1, 300),
            (86_400, 3, 86_400),
        ],
        ids=["longer", "shorter", "none", "shorter than a later step", "a day"],
    )
    def test_the_longer_of_the_two_waits_counts(
        self, asked: float, position: int, waits: float
    ) -> None:
        outcome = Deferred(Reason.RATE_LIMITED, timedelta(seconds=asked))

        verdict = settle(outcome, position=position)

        assert verdict.due_at == NOW + timedelta(seconds=waits)
        assert verdict.position == position + 1
        assert verdict.hold_until is None

    def test_a_whole_endpoint_is_held_as_long_as_it_asked(self) -> None:
        outcome = Deferred(Reason.RATE_LIMITED, timedelta(hours=3), Scope.ENDPOINT)

        verdict = settle(outcome)

        assert verdict.hold_until == verdict.due_at == NOW + timedelta(hours=3)

    def test_it_is_held_no_longer_than_it_asked(self) -> None:
        outcome = Deferred(Reason.RATE_LIMITED, timedelta(seconds=2), Scope.ENDPOINT)

        verdict = settle(outcome, position=3)

        assert verdict.hold_until == NOW + timedelta(seconds=2)
        assert verdict.due_at == NOW + timedelta(hours=2)

    def test_asked_for_no_time_it_is_held_for_the_first_step(self) -> None:
        verdict = settle(Deferred(Reason.SERVER_ERROR, None, Scope.ENDPOINT), position=3)

        assert verdict.hold_until == NOW + timedelta(seconds=5)
        assert verdict.due_at == NOW + timedelta(hours=2)

    def test_it_is_held_even_when_the_delivery_has_ended(self) -> None:
        outcome = Deferred(Reason.RATE_LIMITED, timedelta(hours=3), Scope.ENDPOINT)

        last = settle(outcome, position=9)
        expired = settle(outcome, lives=timedelta(hours=1))

        assert (last.state, last.reason) == (State.DEAD, Reason.RATE_LIMITED)
        assert (expired.state, expired.reason) == (State.DEAD, EndReason.EXPIRED)
        assert last.hold_until == expired.hold_until == NOW + timedelta(hours=3)

    @pytest.mark.parametrize("position", [0, 3, 9])
    def test_where_nobody_was_asked_the_schedule_stands_still(self, position: int) -> None:
        wait = timedelta(seconds=13)
        outcome = Deferred(Reason.RATE_LIMITED, wait, Scope.ENDPOINT, was_asked=False)

        verdict = settle(outcome, position=position)
        late = settle(outcome, position=position, lives=wait)

        assert (verdict.state, verdict.position) == (State.PENDING, position)
        assert verdict.hold_until == verdict.due_at == NOW + wait
        assert (late.state, late.reason) == (State.DEAD, EndReason.EXPIRED)

    def test_nothing_is_due_while_its_endpoint_is_held(self) -> None:
        outcome = Deferred(Reason.SERVER_ERROR, None, Scope.ENDPOINT)

        verdict = settle(outcome, position=1, schedule=seconds(0, 60, 1))

        assert verdict.due_at == verdict.hold_until == NOW + timedelta(seconds=60)


class TestExpiry:
    @pytest.mark.parametrize(
        ("lives", "state"),
        [(5, State.DEAD), (4, State.DEAD), (-9, State.DEAD), (5.001, State.PENDING)],
    )
    def test_a_retry_that_would_come_too_late_is_not_waited_for(
        self, lives: float, state: State
    ) -> None:
        verdict = settle(TIMEOUT, lives=timedelta(seconds=lives))

        assert verdict.state is state
        assert (verdict.reason is EndReason.EXPIRED) == (state is State.DEAD)

    def test_what_arrived_late_has_arrived(self) -> None:
        assert settle(Delivered(), lives=timedelta(days=-1)).state is State.DELIVERED


class TestSchedules:
    def test_one_attempt_only(self) -> None:
        assert settle(TIMEOUT, schedule=seconds(0)) == Verdict(State.DEAD, Reason.TIMEOUT, 0)

    def test_an_endpoint_out_of_breath_is_left_alone_even_then(self) -> None:
        assert seconds(0).first_step == timedelta(seconds=5)
        assert seconds(0, 7, 9).first_step == timedelta(seconds=7)

    def test_past_the_end_there_is_no_delay(self) -> None:
        assert seconds(0, 7).delay(2, jitter=0) is None


class TestInterruptions:
    @pytest.mark.parametrize("position", [0, 5, 9])
    def test_it_is_due_at_once_and_the_schedule_stands_still(self, position: int) -> None:
        for interruptions in range(1, POISON_AFTER):
            verdict = after_interruption(
                repeatable=True, interruptions=interruptions, position=position, now=NOW
            )
            assert verdict == Verdict(State.PENDING, Reason.INTERRUPTED, position, NOW)

    @pytest.mark.parametrize("interruptions", [4, 5, 99])
    def test_the_third_alone_after_one_among_others_is_poison(self, interruptions: int) -> None:
        verdict = after_interruption(
            repeatable=True, interruptions=interruptions, position=2, now=NOW
        )

        assert verdict == Verdict(State.DEAD, EndReason.POISON, 2)

    @pytest.mark.parametrize("interruptions", [1, 3])
    def test_what_may_not_be_repeated_is_unknown(self, interruptions: int) -> None:
        verdict = after_interruption(
            repeatable=False, interruptions=interruptions, position=2, now=NOW
        )

        assert verdict == Verdict(State.UNKNOWN, Reason.INTERRUPTED, 2)


REASONS = st.sampled_from(Reason)
WAITS = st.timedeltas(timedelta(0), timedelta(days=1))
OUTCOMES = st.one_of(
    st.builds(Delivered),
    st.builds(Rejected, REASONS),
    st.builds(Unknown, REASONS),
    st.builds(Deferred, REASONS, st.none() | WAITS, st.sampled_from(Scope), st.booleans()),
)
SCHEDULES = st.lists(WAITS, max_size=12).map(lambda waits: RetrySchedule(tuple(waits)))


@given(
    outcome=OUTCOMES,
    position=st.integers(0, 12),
    lives=st.timedeltas(timedelta(days=-1), timedelta(days=4)),
    schedule=SCHEDULES,
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_every_verdict_is_whole(
    outcome: Outcome,
    position: int,
    lives: timedelta,
    schedule: RetrySchedule,
    jitter: float,
) -> None:
    verdict = settle(outcome, position=position, lives=lives, schedule=schedule, jitter=jitter)

    assert verdict.position >= position
    assert verdict.state not in {State.SENDING, State.SKIPPED}
    assert (verdict.due_at is not None) == (verdict.state is State.PENDING)
    assert (verdict.reason is None) == (verdict.state is State.DELIVERED)
    if verdict.due_at is not None and isinstance(outcome, Deferred):
        assert verdict.due_at < NOW + lives
        if outcome.was_asked:
            assert verdict.due_at >= NOW + schedule.delays[position + 1]
        assert verdict.due_at >= NOW + (outcome.retry_after or timedelta(0))
        assert verdict.due_at >= (verdict.hold_until or NOW)
    holds = isinstance(outcome, Deferred) and outcome.scope is Scope.ENDPOINT
    assert (verdict.hold_until is not None) == holds
