"""Quiet hours: the part of every local day in which nothing is told, and when it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.domain.weeks import instant_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one wall time to another, on the same day or over midnight; whole minutes.

    The same time twice is no quiet at all: there is none that lasts all day.
    """

    starts: time
    ends: time

    @property
    def shown(self) -> str:
        """As people write it: 22:00–07:00."""
        return f"{self.starts:%H:%M}–{self.ends:%H:%M}"


def quiet_until(hours: QuietHours, time_zone: str, now: datetime) -> datetime | None:
    """When the quiet that holds now ends, in UTC; None where none holds. now: aware.

    Where the clocks change it is rather longer than shorter: what they show twice begins it at
    the first and ends it at the second, and what they jump over does at the first minute after.
    """
    until = None
    for start, end in _spans(hours, time_zone, now):
        # One day's end may touch the next one's start where an hour between them was left out.
        if start <= (until or now) < end:
            until = end
    return until


def _spans(hours: QuietHours, time_zone: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The quiet of the days around a moment, in order."""
    if hours.starts == hours.ends:
        return
    lasts = _DAY if hours.ends < hours.starts else timedelta(0)
    today = now.astimezone(ZoneInfo(time_zone)).date()
    # Two before, for a day may be left out of the calendar.
    for days in (-2, -1, 0, 1):
        day = today + days * _DAY
        end = datetime.combine(day + lasts, hours.ends)
        yield (
            instant_of(datetime.combine(day, hours.starts), time_zone),
            instant_of(end, time_zone, is_second=True),
        )
