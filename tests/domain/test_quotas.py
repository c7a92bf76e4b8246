"""Quotas: a burst at once, then a steady pace, and never more."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.quotas import MICROSECONDS, Quota, spend, standing

TEN_AT_TWO = Quota(burst=10, per_second=2)


def asked(quota: Quota, times: list[int]) -> list[int]:
    """Those of these times at which asking was allowed."""
    empty_at, allowed = 0, []
    for now in times:
        moved = spend(quota, empty_at, now)
        if moved is not None:
            empty_at = moved
            allowed.append(now)
    return allowed


def test_a_burst_is_allowed_and_no_more() -> None:
    assert len(asked(TEN_AT_TWO, [5 * MICROSECONDS] * 30)) == 10


def test_after_a_burst_one_more_comes_with_each_step() -> None:
    every_tenth = [number * MICROSECONDS // 10 for number in range(101)]

    allowed = asked(TEN_AT_TWO, [0] * 10 + every_tenth)

    assert allowed[10:] == [number * MICROSECONDS // 2 for number in range(1, 21)]


@given(
    st.lists(st.integers(0, 20 * MICROSECONDS), max_size=200).map(sorted),
    st.integers(1, 20),
    st.floats(0.1, 50),
)
def test_no_stretch_of_time_holds_more_than_a_burst_and_its_share(
    times: list[int], burst: int, per_second: float
) -> None:
    quota = Quota(burst, per_second)

    allowed = asked(quota, times)

    for first, began in enumerate(allowed):
        for last in range(first, len(allowed)):
            span = allowed[last] - began
            assert last - first + 1 <= burst + span / quota.step


@given(st.integers(0, 40 * MICROSECONDS))
def test_what_a_standing_promises_is_kept(filled: int) -> None:
    now = 1000 * MICROSECONDS
    empty_at = now + min(filled, TEN_AT_TWO.burst * TEN_AT_TWO.step)
    said = standing(TEN_AT_TWO, empty_at - now, is_allowed=True)

    remaining = len(asked_from(empty_at, [now] * 20))
    later = now + said.retry_after_seconds * MICROSECONDS
    at_last = now + said.reset_seconds * MICROSECONDS

    assert said.remaining == remaining
    assert asked_from(empty_at, [later])
    assert len(asked_from(empty_at, [at_last] * 20)) == TEN_AT_TWO.burst


def asked_from(empty_at: int, times: list[int]) -> list[int]:
    allowed = []
    for now in times:
        moved = spend(TEN_AT_TWO, empty_at, now)
        if moved is not None:
            empty_at = moved
            allowed.append(now)
    return allowed


def test_a_window_is_how_long_a_burst_takes_to_come_back() -> None:
    assert TEN_AT_TWO.window_seconds == 5
    assert Quota(burst=100, per_second=50).window_seconds == 2
    assert Quota(burst=1, per_second=1000).window_seconds == 1
