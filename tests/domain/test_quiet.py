from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.quiet import QuietHours, quiet_until
from tests.domain.test_weeks import MINUTE, ZONES, moments

walls = st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60))
quiet = st.builds(QuietHours, walls, walls).filter(lambda hours: hours.starts != hours.ends)
zones = st.sampled_from(ZONES)
NIGHT = QuietHours(time(22), time(7))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_shown_quiet(hours: QuietHours, wall: time) -> bool:
    if hours.starts < hours.ends:
        return hours.starts <= wall < hours.ends
    return wall >= hours.starts or wall < hours.ends


def is_even(zone: str, around: datetime) -> bool:
    """Whether the clocks of a zone are not changed within three days of a moment."""
    offsets = {
        (around + hours * timedelta(hours=1)).astimezone(ZoneInfo(zone)).utcoffset()
        for hours in range(-72, 73)
    }
    return len(offsets) == 1


@given(quiet, zones, moments)
def test_where_clocks_are_not_changed_quiet_is_what_they_show(
    hours: QuietHours, zone: str, now: datetime
) -> None:
    if not is_even(zone, now):
        return
    wall = now.astimezone(ZoneInfo(zone)).time()

    assert (quiet_until(hours, zone, now) is not None) is is_shown_quiet(hours, wall)


@given(quiet, zones, moments)
def test_at_its_end_it_is_over_and_a_minute_before_it_is_not(
    hours: QuietHours, zone: str, now: datetime
) -> None:
    until = quiet_until(hours, zone, now)
    if until is None:
        return

    assert until > now
    assert quiet_until(hours, zone, until) is None
    assert quiet_until(hours, zone, until - MINUTE) == until


@given(quiet, zones, moments)
def test_it_ends_when_the_clocks_show_its_end_or_have_jumped_over_it(
    hours: QuietHours, zone: str, now: datetime
) -> None:
    until = quiet_until(hours, zone, now)
    if until is None:
        return
    before, after = (
        at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in (until - MINUTE, until)
    )
    shown = after.time() == hours.ends
    jumped = before < datetime.combine(after.date(), hours.ends) < after or (
        before.date() < after.date() and after - before > MINUTE
    )

    assert shown or jumped


@given(quiet, zones, moments)
def test_what_the_clocks_show_within_it_is_quiet_however_they_are_changed(
    hours: QuietHours, zone: str, now: datetime
) -> None:
    local = now.astimezone(ZoneInfo(zone))
    # Over midnight, a change of clocks may bring an evening after the end of its own night.
    if hours.starts < hours.ends and is_shown_quiet(hours, local.time()):
        assert quiet_until(hours, zone, now) is not None


@given(quiet, zones, moments)
def test_it_lasts_no_longer_than_a_day_and_what_the_clocks_are_changed_by(
    hours: QuietHours, zone: str, now: datetime
) -> None:
    until = quiet_until(hours, zone, now)

    assert until is None or until - now < timedelta(hours=50)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        (NIGHT, "Europe/Berlin", "2026-01-10T20:59", None),
        (NIGHT, "Europe/Berlin", "2026-01-10T21:00", "2026-01-11T06:00"),
        (NIGHT, "Europe/Berlin", "2026-01-11T05:59", "2026-01-11T06:00"),
        (NIGHT, "Europe/Berlin", "2026-01-11T06:00", None),
        (QuietHours(time(9), time(17)), "Asia/Kolkata", "2026-01-10T03:30", "2026-01-10T11:30"),
        # The night in which an hour is left out, and the one that has one more.
        (NIGHT, "Europe/Berlin", "2026-03-28T21:00", "2026-03-29T05:00"),
        (NIGHT, "Europe/Berlin", "2026-10-24T20:00", "2026-10-25T06:00"),
        # An end that the clocks jump over is at the first minute after.
        (
            QuietHours(time(22), time(2, 30)),
            "Europe/Berlin",
            "2026-03-29T00:59",
            "2026-03-29T01:00",
        ),
        (QuietHours(time(22), time(2, 30)), "Europe/Berlin", "2026-03-29T01:00", None),
        # An end that they show twice is the second.
        (
            QuietHours(time(22), time(2, 30)),
            "Europe/Berlin",
            "2026-10-25T00:45",
            "2026-10-25T01:30",
        ),
        # A start that they show twice is the first.
        (QuietHours(time(2, 30), time(7)), "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T06:00"),
        (QuietHours(time(2, 30), time(7)), "Europe/Berlin", "2026-10-25T01:05", "2026-10-25T06:00"),
        # The whole of it is left out.
        (QuietHours(time(2, 10), time(2, 50)), "Europe/Berlin", "2026-03-29T01:00", None),
        # The only minutes between two nights are: one follows the other.
        (
            QuietHours(time(2, 50), time(2, 10)),
            "Europe/Berlin",
            "2026-03-28T12:00",
            "2026-03-30T00:10",
        ),
        # A day that Samoa left out of its calendar.
        (NIGHT, "Pacific/Apia", "2011-12-30T09:00", "2011-12-30T17:00"),
        (QuietHours(time(5), time(5)), "UTC", "2026-01-10T05:00", None),
    ],
)
def test_when_quiet_ends(hours: QuietHours, zone: str, now: str, until: str | None) -> None:
    assert quiet_until(hours, zone, utc(now)) == (None if until is None else utc(until))


def test_quiet_hours_are_shown_as_people_write_them() -> None:
    assert QuietHours(time(22), time(7, 30)).shown == "22:00–07:30"
