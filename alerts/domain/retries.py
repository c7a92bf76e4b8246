"""When to try again: our schedule, and what the other side asked for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Nobody may silence us for longer than a day with one header.
LONGEST_WAIT = timedelta(hours=24)

# The share of a delay that jitter may add.
JITTER_SHARE = 0.1

_SECONDS = re.compile(r"[0-9]{1,64}(\.[0-9]{1,64})?")
_LONGEST_DATE = 64


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait a `Retry-After` header asks for: from 0 to LONGEST_WAIT, None where it says nothing.

    value: seconds (whole, or decimal as some platforms send them) or an HTTP date; anything else
    is None.
    now: aware; a date that has passed is a wait of zero.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=min(float(text), LONGEST_WAIT.total_seconds()))
    moment = read_http_date(text)
    return None if moment is None else min(max(moment - now, timedelta(0)), LONGEST_WAIT)


def read_http_date(value: str | None) -> datetime | None:
    """The time that a header says, aware UTC; None where it says none.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.date
    """
    text = (value or "").strip()
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The waits before each attempt, the first of them before the first attempt.

    Standard Webhooks' own: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    """

    delays: tuple[timedelta, ...]

    @classmethod
    def of_seconds(cls, seconds: Iterable[float]) -> "RetrySchedule":
        """A schedule from waits in seconds."""
        return cls(tuple(timedelta(seconds=wait) for wait in seconds))

    def delay(self, position: int, *, jitter: float) -> timedelta | None:
        """The wait before the attempt at `position` (0 the first), None past the end.

        jitter: 0 up to 1, adds up to a tenth; a retry is never early.
        """
        if position >= len(self.delays):
            return None
        return self.delays[position] * (1 + JITTER_SHARE * jitter)

    @property
    def first_step(self) -> timedelta:
        """How long an overloaded endpoint is left alone when it does not say."""
        return self.delays[1] if len(self.delays) > 1 else timedelta(seconds=5)


STANDARD_SCHEDULE = RetrySchedule.of_seconds(
    (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
