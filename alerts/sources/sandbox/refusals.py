"""Answers in place of rows: what upstream says when it gives none."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime

import msgspec

from alerts.sources.sandbox.faults import Due, Effect, Fault
from alerts.sources.sandbox.plans import Refused, RetryAfter

_TOO_MANY = "Too many requests: 1 a minute"
_SPENT = "The monthly credits of this plan are used up"
_REFUSALS = {
    Effect.TOO_MANY_SECONDS: (429, _TOO_MANY),
    Effect.TOO_MANY_DATE: (429, _TOO_MANY),
    Effect.TOO_MANY: (429, _TOO_MANY),
    Effect.QUOTA: (429, _SPENT),
    Effect.UNAUTHORIZED: (401, "Invalid API key"),
    Effect.PAYMENT: (402, "Payment required"),
    Effect.FORBIDDEN: (403, "Your plan does not include this endpoint"),
    Effect.WITHDRAWN: (404, "Not found"),
    Effect.ERROR: (500, "Internal server error"),
    Effect.ERROR_HTML: (502, "<html><h1>502 Bad Gateway</h1></html>"),
    Effect.UNAVAILABLE: (503, "Service unavailable"),
    Effect.REDIRECT: (302, "Moved"),
    Effect.PAGE_HTML: (200, "<html><h1>We are down for maintenance</h1></html>"),
    Effect.UNSUCCESSFUL: (200, "Something went wrong"),
}
# What the pay-per-call protocol answers: https://developers.tokenmetrics.com
_ACCEPTS = [{"scheme": "exact", "network": "base", "asset": "usdc", "maxAmountRequired": "17000"}]


class Refusal(msgspec.Struct, frozen=True):
    """An answer in place of the rows."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


def refusal_of(faults: Sequence[Due], now: datetime) -> Refusal | None:
    """The first fault that answers in place of the rows. now: real time, for a dated wait."""
    for due in faults:
        if due.effect in _REFUSALS:
            status, words = _REFUSALS[due.effect]
            is_html = due.effect in {Effect.ERROR_HTML, Effect.PAGE_HTML}
            body = words.encode() if is_html else _message(words, due.effect)
            headers = {"content-type": "text/html" if is_html else "application/json"}
            return Refusal(status, body, headers | _leads(due.fault, now))
    return None


def over_allowance(refused: Refused, style: RetryAfter, now: datetime) -> Refusal:
    """One request too many for the plan; a spent month has other words. now: the plan's time."""
    headers = {"content-type": "application/json"} | _wait(refused.wait, style, now)
    return Refusal(429, _message(_SPENT if refused.is_month else _TOO_MANY), headers)


def _message(words: str, effect: Effect | None = None) -> bytes:
    said: dict[str, object] = {"success": False, "message": words}
    if effect is Effect.PAYMENT:
        said = {"x402Version": 1, "error": words, "accepts": _ACCEPTS}
    if effect is Effect.ERROR:
        said = {"error": words}
    return json.dumps(said).encode()


def _leads(fault: Fault, now: datetime) -> dict[str, str]:
    """When to come back, or where to go."""
    wait = timedelta(seconds=fault.retry_after_seconds)
    if fault.effect in {Effect.TOO_MANY_SECONDS, Effect.UNAVAILABLE}:
        return _wait(wait, RetryAfter.SECONDS, now)
    if fault.effect is Effect.TOO_MANY_DATE:
        return _wait(wait, RetryAfter.DATE, now)
    return {"location": fault.location} if fault.effect is Effect.REDIRECT else {}


def _wait(wait: timedelta, style: RetryAfter, now: datetime) -> dict[str, str]:
    if style is RetryAfter.SECONDS:
        return {"retry-after": str(round(wait.total_seconds()))}
    if style is RetryAfter.DATE:
        return {"retry-after": format_datetime(now + wait, usegmt=True)}
    return {}
