"""What a Retry-After header comes to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.retries import LONGEST_WAIT, read_retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta(0)),
        ("0.65", timedelta(seconds=0.65)),
        ("Fri, 20 Nov 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Friday, 20-Nov-26 12:01:30 GMT", timedelta(seconds=90)),
        ("Fri Nov 20 12:01:30 2026", timedelta(seconds=90)),
    ],
)
def test_seconds_and_http_dates_are_understood(value: str, wait: timedelta) -> None:
    assert read_retry_after(value, NOW) == wait


@pytest.mark.parametrize("value", ["99999999999", "9" * 60, "Sat, 20 Nov 2066 12:00:00 GMT"])
def test_a_long_wait_is_cut_to_a_day(value: str) -> None:
    assert read_retry_after(value, NOW) == LONGEST_WAIT


def test_a_date_that_has_passed_is_no_wait() -> None:
    assert read_retry_after("Fri, 20 Nov 2026 11:00:00 GMT", NOW) == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [None, "", "-5", "soon", "1e9", "NaN", "٣", "Fri, 99 Nov 2026 99:00:00 GMT", "x" * 9000],
)
def test_garbage_says_nothing(value: str | None) -> None:
    assert read_retry_after(value, NOW) is None


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+ \S{0,5}\Z"))
def test_no_text_raises_or_asks_for_a_wait_out_of_range(value: str) -> None:
    wait = read_retry_after(value, NOW)

    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT
