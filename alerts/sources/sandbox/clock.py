"""The sandbox's own calendar: time passes on request, or at a speed."""

from datetime import UTC, date, datetime, time, timedelta

from alerts.errors import InvalidInput
from alerts.ports import Clock
from alerts.sources.sandbox.roster import LAST_DAY, OPENING

_DAY = timedelta(days=1)


class VirtualClock:
    """What moment it is in the sandbox, from `opening` to LAST_DAY, where it stands still.

    clock: the real one, for the pace of the days.
    today: the day to begin with, at midnight; `opening` if not given.
    day_seconds: real seconds a virtual day lasts; 0: time passes on request only.
    Raises InvalidInput, as do its setters and `advance`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        today: date | None = None,
        day_seconds: float = 0,
        opening: date = OPENING,
    ) -> None:
        if day_seconds < 0:
            raise InvalidInput("day_seconds", "must be 0 or more")
        self.real = clock
        self.opening = opening
        self.day_seconds = day_seconds
        self.today = opening if today is None else today

    @property
    def now(self) -> datetime:
        """The current virtual moment, UTC. Once it is set, time goes on from there."""
        left = _midnight(LAST_DAY) - self._moment
        if not self.day_seconds or left <= timedelta():
            return self._moment
        passed = (self.real.monotonic() - self._since) / self.day_seconds
        return self._moment + min(passed, left / _DAY) * _DAY

    @now.setter
    def now(self, moment: datetime) -> None:
        moment = moment.astimezone(UTC)
        if not self.opening <= moment.date() <= LAST_DAY:
            problem = f"must be from {self.opening} to {LAST_DAY}, not {moment.date()}"
            raise InvalidInput("now", problem)
        self._moment = moment
        self._since = self.real.monotonic()

    @property
    def today(self) -> date:
        """The current virtual day. Setting it starts that day anew."""
        return self.now.date()

    @today.setter
    def today(self, day: date) -> None:
        if not self.opening <= day <= LAST_DAY:
            raise InvalidInput("today", f"must be from {self.opening} to {LAST_DAY}, not {day}")
        self.now = _midnight(day)

    def advance(self, days: int = 0, *, hours: int = 0) -> datetime:
        """Go on by whole days, to a midnight, and by whole hours from there, or from now."""
        start = _midnight(self.today) if days else self.now
        left = (_midnight(LAST_DAY) - start) // timedelta(hours=1)
        if days < 0 or hours < 0 or not 1 <= days * 24 + hours <= left:
            problem = f"must be 1 or more and end by {LAST_DAY}, not {days}"
            raise InvalidInput("days", problem)
        self.now = start + timedelta(days=days, hours=hours)
        return self.now


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
