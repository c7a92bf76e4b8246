"""What an upstream's refusal means: its status, its words, the wait it asks for."""

import re
from datetime import timedelta

import httpx
import msgspec

from alerts.domain.retries import read_http_date, read_retry_after
from alerts.ports import NOTHING_SAID, Aside, SourceState, Trouble
from alerts.sources.download import Broken, Download, Head

# An asked wait this long is a spent allowance, not a pace.
QUOTA_WAIT = timedelta(hours=1)
SHOWN_CHARACTERS = 300
SHOWN_ID_CHARACTERS = 80

_GONE = frozenset({404, 410})
_FORBIDDEN = frozenset({401, 402, 403})
_QUOTA_WORDS = re.compile(r"\b(month|monthly|credits?|quota)\b", re.IGNORECASE)
_PACE_WORDS = re.compile(r"\b(seconds?|minutes?)\b", re.IGNORECASE)
_REQUEST_ID_HEADERS = ("x-request-id", "x-amzn-requestid", "cf-ray")


class Words(msgspec.Struct):
    """The two places where upstreams put a reason."""

    message: object = None
    error: object = None


def read_refusal(answer: Download, *, wanted: str, secret: str) -> Trouble:
    """Any answer but a 200 as a Trouble.

    404 and 410 are `gone`; 401, 402 and 403 `forbidden`. 429 is `quota` where upstream speaks of
    a month, credits or a quota without naming seconds or minutes, or asks for QUOTA_WAIT or more;
    else `waiting`. Everything else is `failing`: 3xx, 400 and 5xx alike.
    """
    head = answer.head
    # A time to wait until is by upstream's clock, and so must be the time that it is now.
    now = read_http_date(head.headers.get("date")) or head.at
    wait = read_retry_after(head.headers.get("retry-after"), now)
    words = first_words(answer.body)
    location = head.headers.get("location")
    if location is not None:
        words = f"a redirect to {_host(location)}, not followed"
    state = SourceState.FAILING
    if head.status in _GONE:
        state = SourceState.GONE
    elif head.status in _FORBIDDEN:
        state = SourceState.FORBIDDEN
    elif head.status == httpx.codes.TOO_MANY_REQUESTS:
        state = SourceState.QUOTA if _is_quota(words, wait) else SourceState.WAITING
    aside = read_aside(head, secret)
    detail = describe(answer, words, wanted=wanted, secret=secret)
    return Trouble(state, detail, wait, aside)


def read_break(broken: Broken, *, wanted: str, secret: str) -> Trouble:
    """An answer that did not come, or not whole, as a Trouble."""
    aside = NOTHING_SAID if broken.head is None else read_aside(broken.head, secret)
    named = f", request id {aside.request_id}" if aside.request_id else ""
    detail = one_line(f"{wanted}{named}: {broken.words}", secret)
    return Trouble(SourceState.FAILING, detail, aside=aside)


def describe(answer: Download, words: str, *, wanted: str, secret: str) -> str:
    """Status, what was wanted, request id and words, on one line without the secret."""
    request_id = read_aside(answer.head, secret).request_id
    named = f", request id {request_id}" if request_id else ""
    said = f"HTTP {answer.head.status} for {wanted}{named}: {words or 'no words'}"
    return one_line(said, secret)


def read_aside(head: Head, secret: str) -> Aside:
    """What an answer says beside its rows."""
    headers = head.headers
    request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
    shown = None if request_id is None else one_line(request_id, secret)[:SHOWN_ID_CHARACTERS]
    said = read_http_date(headers.get("date"))
    return Aside(shown or None, None if said is None else said - head.at)


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
