"""The sandbox's own calendar: days pass on request, or at a speed."""

from datetime import date, timedelta

from alerts.errors import InvalidInput
from alerts.ports import Clock
from alerts.sources.sandbox.roster import LAST_DAY, OPENING


class VirtualClock:
    """What day it is in the sandbox, from `opening` to LAST_DAY, where it stands still.

    clock: the real one, for the pace of the days.
    today: the day to begin with; `opening` if not given.
    day_seconds: real seconds a virtual day lasts; 0: days pass on request only.
    Raises InvalidInput, as do its setter and `advance`.
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
    def today(self) -> date:
        """The current virtual day. Setting it starts that day anew."""
        passed = 0
        if self.day_seconds:
            passed = int((self.real.monotonic() - self._since) / self.day_seconds)
        return self._day + timedelta(days=min(passed, (LAST_DAY - self._day).days))

    @today.setter
    def today(self, day: date) -> None:
        if not self.opening <= day <= LAST_DAY:
            raise InvalidInput("today", f"must be from {self.opening} to {LAST_DAY}, not {day}")
        self._day = day
        self._since = self.real.monotonic()

    def advance(self, days: int) -> date:
        """Go on by whole days; the new day begins now."""
        today = self.today
        if not 1 <= days <= (LAST_DAY - today).days:
            raise InvalidInput("days", f"must be 1 or more and end by {LAST_DAY}, not {days}")
        self.today = today + timedelta(days=days)
        return self.today
