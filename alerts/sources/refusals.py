"""What an upstream's refusal means: its status, its words, the wait it asks for."""

import re
from datetime import datetime, timedelta

import httpx
import msgspec

from alerts.domain.retries import read_retry_after
from alerts.ports import SourceState, Trouble
from alerts.sources.download import Download

# An asked wait this long is a spent allowance, not a pace.
QUOTA_WAIT = timedelta(hours=1)
SHOWN_CHARACTERS = 300

_GONE = frozenset({404, 410})
_FORBIDDEN = frozenset({401, 402, 403})
_QUOTA_WORDS = re.compile(r"\b(month|monthly|credits?|quota)\b", re.IGNORECASE)
_PACE_WORDS = re.compile(r"\b(seconds?|minutes?)\b", re.IGNORECASE)
_REQUEST_ID_HEADERS = ("x-request-id", "x-amzn-requestid", "cf-ray")


class Words(msgspec.Struct):
    """The two places where upstreams put a reason."""

    message: object = None
    error: object = None


def read_refusal(answer: Download, *, wanted: str, secret: str, now: datetime) -> Trouble:
    """Any answer but a 200 as a Trouble.

    404 and 410 are `gone`; 401, 402 and 403 `forbidden`. 429 is `quota` where upstream speaks of
    a month, credits or a quota without naming seconds or minutes, or asks for QUOTA_WAIT or more;
    else `waiting`. Everything else is `failing`: 3xx, 400 and 5xx alike.
    """
    wait = read_retry_after(answer.headers.get("retry-after"), now)
    words = first_words(answer.body)
    location = answer.headers.get("location")
    if location is not None:
        words = f"a redirect to {_host(location)}, not followed"
    state = SourceState.FAILING
    if answer.status in _GONE:
        state = SourceState.GONE
    elif answer.status in _FORBIDDEN:
        state = SourceState.FORBIDDEN
    elif answer.status == httpx.codes.TOO_MANY_REQUESTS:
        state = SourceState.QUOTA if _is_quota(words, wait) else SourceState.WAITING
    return Trouble(state, describe(answer, words, wanted=wanted, secret=secret), wait)


def describe(answer: Download, words: str, *, wanted: str, secret: str) -> str:
    """Status, what was wanted, request id and words, on one line without the secret."""
    headers = answer.headers
    request_id = next((headers[h] for h in _REQUEST_ID_HEADERS if headers.get(h)), None)
    named = f", request id {request_id[:80]}" if request_id else ""
    return one_line(f"HTTP {answer.status} for {wanted}{named}: {words or 'no words'}", secret)


def one_line(text: str, secret: str) -> str:
    """Printable, one line, at most SHOWN_CHARACTERS, the secret taken out."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(visible.split()).replace(secret, "[key]")
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}..."


def first_words(body: bytes) -> str:
    """The reason in a body: its `message` or `error` where it is JSON, else its beginning."""
    try:
        words = msgspec.json.decode(body, type=Words)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    found = words.message or words.error
    return found if isinstance(found, str) else body.decode("utf-8", "replace")


def _is_quota(words: str, wait: timedelta | None) -> bool:
    if wait is not None and wait >= QUOTA_WAIT:
        return True
    return bool(_QUOTA_WORDS.search(words)) and not _PACE_WORDS.search(words)


def _host(location: str) -> str:
    """Where a Location leads, without what a query may carry."""
    try:
        return httpx.URL(location).host or "the same host"
    except httpx.InvalidURL:
        return "no valid URL"
