"""When a kind of grades grows stale, and its operator is told: the rule written out again."""

from datetime import datetime, timedelta

SILENT_POLLS = 3
UNCHANGED = {"trader": timedelta(hours=48), "fundamental": timedelta(days=14)}
# Of fewer tokens than this all may stand still.
FEWEST = 20
# It is looked for at every half hour, when nothing is polled.
LOOK = timedelta(minutes=30)


class Aging:
    """How long nothing was accepted, and how long nothing was new. interval: between polls."""

    def __init__(self, kind: str, interval: timedelta) -> None:
        self.is_stale = False
        self._unchanged = UNCHANGED[kind]
        self._interval = interval
        self._is_few = False
        self._heard_at: datetime | None = None
        self._news_at: datetime | None = None

    def grows_stale(self, before: datetime) -> bool:
        """Whether that is noticed now, before this moment; once."""
        ends = self._ends()
        if self.is_stale or ends is None:
            return False
        noticed_at = ends.replace(minute=0, second=0, microsecond=0) + LOOK
        if noticed_at <= ends:
            noticed_at += 2 * LOOK
        self.is_stale = noticed_at < before
        return self.is_stale

    def hear(self, at: datetime, until: datetime, *, tokens: int | None, has_news: bool) -> bool:
        """The same is accepted from `at` on, poll after poll; whether that ends its staleness."""
        self._is_few = (tokens or 0) < FEWEST
        polls = (until - at - timedelta(microseconds=1)) // self._interval
        if has_news or self._news_at is None:
            self._news_at = at
        self._heard_at = at
        ends = self._ends()
        is_over = self.is_stale and ends is not None and ends >= at
        self._heard_at = at + polls * self._interval
        self.is_stale = self.is_stale and not is_over
        return is_over

    def _ends(self) -> datetime | None:
        """Until when it is fresh, if nothing comes."""
        if self._heard_at is None or self._news_at is None:
            return None
        silence = self._heard_at + SILENT_POLLS * self._interval
        return silence if self._is_few else min(silence, self._news_at + self._unchanged)
