"""How long, until when, and from when to when, as people type it: 24h, until monday, 22-7."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.domain.quiet import QuietHours
from alerts.domain.weeks import instant_of
from alerts.errors import InvalidInput

# What has no end of its own.
FOREVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=366)
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN: Final = re.compile(
    r"(?P<many>[0-9]{1,4}) ?(?:(?P<unit>[mhdw])|(?P<word>min(?:ute)?|hour|day|week)s?)"
)
# What is meant as one, whether or not it can be.
_LIKE_A_SPAN: Final = re.compile(r"[+-]?[0-9]+ ?(?:[mhdw]|(?:min(?:ute)?|hour|day|week)s?)")
_CLOCK: Final = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3])[:.](?P<minute>[0-5][0-9])")
_WALL: Final = r"(\d{1,2})(?:[:.](\d{2}))? ?(am|pm)?"
_HOURS: Final = re.compile(rf"{_WALL} ?(?:-|–|—|to| ) ?{_WALL}", re.IGNORECASE)
_NOON: Final = 12
_DATE: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY: Final = 3
_UNTIL: Final = "until"
_FOR: Final = "for"
_FOREVER: Final = frozenset({"forever", "always"})
_PROBLEM: Final = "must be such as 24h, 3d, until 7:00, until monday, or until 2026-12-31"


@dataclass(frozen=True, slots=True)
class Until:
    """When something ends. words: what was typed before that was said.

    is_local: by a day or a clock, so that the zone mattered.
    """

    words: tuple[str, ...]
    at: datetime | None
    is_local: bool = False


def read_span(typed: str) -> timedelta | None:
    """A length such as 24h or 2 days; None for anything else, and for more than a year."""
    match = _SPAN.fullmatch(typed.casefold())
    if match is None:
        return None
    span = int(match["many"]) * _UNITS[(match["unit"] or match["word"])[0]]
    return span if timedelta(0) < span <= LONGEST else None


def read_until(words: Sequence[str], now: datetime, time_zone: str) -> Until:
    """What is said at the end of these words of when something ends; None where nothing is.

    now: aware. time_zone: the one in which days and clocks are meant.
    Raises InvalidInput where it is said and cannot be meant, or has passed.
    """
    folded = [word.casefold() for word in words]
    if _UNTIL in folded:
        place = folded.index(_UNTIL)
        at = _until(folded[place + 1 :], now, time_zone)
        return Until(tuple(words[:place]), at, is_local=True)
    if folded and folded[-1] in _FOREVER:
        return Until(tuple(words[:-1]), FOREVER)
    for last in (2, 1):
        length = " ".join(folded[-last:])
        span = read_span(length)
        if span is not None:
            before = words[:-last]
            is_for = len(before) > 0 and before[-1].casefold() == _FOR
            return Until(tuple(before[:-1] if is_for else before), now + span)
        if _LIKE_A_SPAN.fullmatch(length):
            raise InvalidInput(length, f"{_PROBLEM}, and within a year")
    return Until(tuple(words), None)


def read_hours(typed: str) -> QuietHours | None:
    """Hours of a day such as 22:30-06:30, 22-7 or 10pm to 7am; None for what is none."""
    match = _HOURS.fullmatch(typed.strip())
    if match is None:
        return None
    starts, ends = _wall(*match.group(1, 2, 3)), _wall(*match.group(4, 5, 6))
    if starts is None or ends is None or starts == ends:
        return None
    return QuietHours(starts, ends)


def _wall(hour: str, minute: str | None, half: str | None) -> time | None:
    """A wall time; None where no clock shows it. half: am or pm."""
    hours = int(hour)
    if half is not None:
        if hours == 0 or hours > _NOON:
            return None
        hours = hours % _NOON + (_NOON if half.casefold() == "pm" else 0)
    try:
        return time(hours, int(minute or 0))
    except ValueError:
        return None


def _until(words: Sequence[str], now: datetime, time_zone: str) -> datetime:
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    day, clock = today, time(0)
    is_day = False
    for word in words:
        if match := _CLOCK.fullmatch(word):
            clock = time(int(match["hour"]), int(match["minute"]))
        else:
            day, is_day = _day(word, today), True
    if not words:
        raise InvalidInput(_UNTIL, _PROBLEM)
    at = instant_of(datetime.combine(day, clock), time_zone)
    if at <= now and not is_day:
        at = instant_of(datetime.combine(day + timedelta(days=1), clock), time_zone)
    if not now < at <= now + LONGEST:
        raise InvalidInput(_UNTIL, "must be a time to come, within a year")
    return at


def _day(word: str, today: date) -> date:
    if word == "tomorrow":
        return today + timedelta(days=1)
    if match := _DATE.fullmatch(word):
        try:
            return date(int(match["year"]), int(match["month"]), int(match["day"]))
        except ValueError:
            raise InvalidInput(_UNTIL, _PROBLEM) from None
    if len(word) >= _SHORTEST_DAY:
        for weekday, name in enumerate(_DAYS):
            if name.startswith(word):
                return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    raise InvalidInput(_UNTIL, _PROBLEM)
