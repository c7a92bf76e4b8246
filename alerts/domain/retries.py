"""When to try again: what the other side asked for."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Nobody may silence us for longer than a day with one header.
LONGEST_WAIT = timedelta(hours=24)

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
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = moment - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
