"""Local weeks: when a weekly digest is due in its endpoint's time zone, and which week it is of."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

WEEK: Final = timedelta(weeks=1)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A moment of every local week. weekday: ISO, 1 is Monday; hour: 0–23; time_zone: IANA."""

    weekday: int
    hour: int
    time_zone: str


@dataclass(frozen=True, slots=True, order=True)
class Occasion:
    """One scheduled moment. at: UTC. period: the local ISO week that it is of, as 2026-W47.

    The week is that of the day the schedule names, also where that day is skipped by a change of
    zone; of one schedule, later occasions have later periods.
    """

    at: datetime
    period: str


def last_occasion(schedule: Schedule, now: datetime) -> Occasion:
    """The newest occasion that is not later than `now` (aware)."""
    monday = _monday(schedule, now) + WEEK
    while True:
        occasion = _occasion(schedule, monday)
        if occasion.at <= now:
            return occasion
        monday -= WEEK


def next_occasion(schedule: Schedule, after: datetime, *, beyond: str = "") -> Occasion:
    """The first occasion later than `after`. beyond: and of a later week than this period."""
    monday = _monday(schedule, after) - WEEK
    while True:
        occasion = _occasion(schedule, monday)
        if occasion.at > after and occasion.period > beyond:
            return occasion
        monday += WEEK


def due_occasion(
    schedule: Schedule, planned: datetime, now: datetime
) -> tuple[Occasion, int] | None:
    """The occasion that is to be told now, and for how many it stands; None: none is due.

    planned: the first that is to be told. What was missed since is merged into the newest.
    """
    last = last_occasion(schedule, now)
    if last.at < planned:
        return None
    return last, count_occasions(schedule, planned, last.at)


def count_occasions(schedule: Schedule, first: datetime, last: datetime) -> int:
    """How many occasions lie from `first` to `last`, both included."""
    count, occasion = 0, next_occasion(schedule, first - MINUTE)
    while occasion.at <= last:
        count += 1
        occasion = next_occasion(schedule, occasion.at)
    return count


def spread(name: str, within: timedelta) -> timedelta:
    """How far into a stretch of time somebody's turn is: always the same, and evenly over all.

    name: whose. In whole seconds, for it is looked at each second at most.
    """
    seconds = int(within.total_seconds())
    if not seconds:
        return timedelta(0)
    drawn = int.from_bytes(sha256(name.encode()).digest()[:8])
    return timedelta(seconds=drawn % seconds)


def instant_of(wall: datetime, time_zone: str, *, is_second: bool = False) -> datetime:
    """When the clocks of a zone show a wall time (naive), in UTC.

    What they jump over is at the first minute after; what they show twice, at the first or, where
    `is_second`, at the second.
    """
    zone = ZoneInfo(time_zone)
    while (at := wall.replace(tzinfo=zone, fold=int(is_second)).astimezone(UTC)).astimezone(
        zone
    ).replace(tzinfo=None) != wall:
        wall += MINUTE
    return at


def _monday(schedule: Schedule, moment: datetime) -> date:
    local = moment.astimezone(ZoneInfo(schedule.time_zone)).date()
    return local - timedelta(days=local.weekday())


def _occasion(schedule: Schedule, monday: date) -> Occasion:
    """The occasion of the week that begins with a Monday."""
    day = monday + timedelta(days=schedule.weekday - 1)
    at = instant_of(datetime.combine(day, time(schedule.hour)), schedule.time_zone)
    year, week, _ = monday.isocalendar()
    return Occasion(at, f"{year}-W{week:02}")
