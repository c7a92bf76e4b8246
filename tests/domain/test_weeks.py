from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.weeks import (
    Occasion,
    Schedule,
    count_occasions,
    due_occasion,
    last_occasion,
    next_occasion,
    spread,
)

# From -11 to +14, half and three quarter hours among them, and every habit of changing clocks.
ZONES = (
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "Pacific/Marquesas",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "Atlantic/Azores",
    "UTC",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Beirut",
    "Europe/Moscow",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)
MINUTE = timedelta(minutes=1)

schedules = st.builds(
    Schedule,
    weekday=st.integers(1, 7),
    hour=st.integers(0, 23),
    time_zone=st.sampled_from(ZONES),
)
moments = st.integers(0, 27 * 365 * 1440).map(
    lambda minutes: datetime(2010, 1, 4, tzinfo=UTC) + minutes * MINUTE
)


def first_minute_not_before(wall: datetime, zone: ZoneInfo) -> datetime:
    """By looking at every minute around, as slow as it is sure."""
    minute = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    while minute.astimezone(zone).replace(tzinfo=None) < wall:
        minute += MINUTE
    return minute


@given(schedules, moments)
def test_an_occasion_is_the_first_minute_at_which_the_clocks_are_that_far(
    schedule: Schedule, moment: datetime
) -> None:
    occasion = next_occasion(schedule, moment)

    year, week = occasion.period.split("-W")
    day = date.fromisocalendar(int(year), int(week), schedule.weekday)
    wall = datetime.combine(day, time(schedule.hour))
    assert occasion.at == first_minute_not_before(wall, ZoneInfo(schedule.time_zone))


@given(schedules, moments)
def test_the_last_occasion_and_the_next_have_nothing_between_them(
    schedule: Schedule, moment: datetime
) -> None:
    last, upcoming = last_occasion(schedule, moment), next_occasion(schedule, moment)

    assert last.at <= moment < upcoming.at
    assert next_occasion(schedule, last.at) == upcoming
    assert last_occasion(schedule, upcoming.at - MINUTE) == last
    assert last.period < upcoming.period
    assert count_occasions(schedule, last.at, upcoming.at) == 2


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_has_every_week_once(zone: str) -> None:
    for weekday in range(1, 8):
        for hour in (0, 2, 23):
            schedule = Schedule(weekday, hour, zone)
            occasions = [next_occasion(schedule, datetime(2026, 1, 5, tzinfo=UTC))]
            for _ in range(52):
                occasions.append(next_occasion(schedule, occasions[-1].at))

            weeks = [occasion.period for occasion in occasions]
            assert weeks == sorted(set(weeks))
            gaps = {later.at - earlier.at for earlier, later in pairwise(occasions)}
            assert all(
                timedelta(days=6, hours=22) <= gap <= timedelta(days=7, hours=2) for gap in gaps
            )


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        pytest.param(
            Schedule(7, 2, "Europe/Berlin"),
            datetime(2026, 3, 28, tzinfo=UTC),
            Occasion(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-W13"),
            id="two o'clock is jumped over: at three, which is the minute after",
        ),
        pytest.param(
            Schedule(7, 2, "Europe/Berlin"),
            datetime(2026, 10, 24, tzinfo=UTC),
            Occasion(datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "2026-W43"),
            id="two o'clock comes twice: the first",
        ),
        pytest.param(
            Schedule(7, 2, "Australia/Lord_Howe"),
            datetime(2026, 10, 3, tzinfo=UTC),
            Occasion(datetime(2026, 10, 3, 15, 30, tzinfo=UTC), "2026-W40"),
            id="half an hour is jumped over",
        ),
        pytest.param(
            Schedule(5, 10, "Pacific/Apia"),
            datetime(2011, 12, 29, tzinfo=UTC),
            Occasion(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), "2011-W52"),
            id="a whole Friday is jumped over: when Saturday begins, and of Friday's week",
        ),
        pytest.param(
            Schedule(1, 0, "Pacific/Kiritimati"),
            datetime(2026, 12, 25, tzinfo=UTC),
            Occasion(datetime(2026, 12, 27, 10, 0, tzinfo=UTC), "2026-W53"),
            id="the Monday of a week that UTC has not begun",
        ),
        pytest.param(
            Schedule(5, 9, "UTC"),
            datetime(2026, 12, 31, tzinfo=UTC),
            Occasion(datetime(2027, 1, 1, 9, 0, tzinfo=UTC), "2026-W53"),
            id="New Year's Day is of the old year's last week",
        ),
    ],
)
def test_an_occasion_is_where_the_calendar_has_it(
    schedule: Schedule, after: datetime, expected: Occasion
) -> None:
    assert next_occasion(schedule, after) == expected


def test_a_week_that_was_told_does_not_come_again_when_the_day_is_changed() -> None:
    moved = Schedule(5, 9, "UTC")
    wednesday = datetime(2026, 11, 18, tzinfo=UTC)

    upcoming = next_occasion(moved, wednesday, beyond="2026-W47")

    assert upcoming == Occasion(datetime(2026, 11, 27, 9, tzinfo=UTC), "2026-W48")


@pytest.mark.parametrize("zone", ZONES)
def test_whenever_one_looks_each_week_is_due_once_and_missed_ones_with_the_next(zone: str) -> None:
    schedule = Schedule(7, 2, zone)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    planned = next_occasion(schedule, now).at
    told: list[str] = []
    weeks = 0
    # Looked at every eleven hours, but for a month of summer in which nothing runs.
    while now < datetime(2027, 1, 1, tzinfo=UTC):
        due = due_occasion(schedule, planned, now)
        if due is not None and now.month != 6:
            occasion, count = due
            told.append(occasion.period)
            weeks += count
            planned = next_occasion(schedule, occasion.at).at
        now += timedelta(hours=11)

    assert told == sorted(set(told))
    assert weeks == 52
    assert len(told) == 49


def test_turns_are_spread_evenly_and_each_is_always_the_same() -> None:
    hour = timedelta(hours=1)
    turns = [spread(f"ep_{number}", hour) for number in range(6000)]

    tens = Counter(turn // timedelta(minutes=10) for turn in turns)
    assert set(tens) == set(range(6))
    assert max(tens.values()) < 1.2 * min(tens.values())
    assert spread("ep_1", hour) == turns[1] < hour
    assert spread("ep_1", timedelta(0)) == timedelta(0)
