"""What an HTTP answer to a webhook comes to: the one table, for every status there is."""

from datetime import timedelta

from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Effect,
    Keep,
    Outcome,
    Reason,
    Rejected,
    Scope,
)
from alerts.domain.retries import LONGEST_WAIT

SUCCESS = range(200, 300)
REDIRECTION = range(300, 400)
GONE = 410
TOO_LARGE = 413

_REASONS = {
    401: Reason.AUTH,
    403: Reason.AUTH,
    407: Reason.AUTH,
    429: Reason.RATE_LIMITED,
}
_REASONS_BY_HUNDRED = {
    3: Reason.REDIRECT,
    4: Reason.CLIENT_ERROR,
    5: Reason.SERVER_ERROR,
}

# A receiver (or what stands before it) that is short of breath: all of its endpoint waits.
_OVERLOADED = frozenset({429, 502, 503, 504})

_FINAL_FAILURES = frozenset({Reason.BLOCKED_ADDRESS, Reason.INVALID_URL})


def outcome_of(status: int, retry_after: timedelta | None) -> tuple[Outcome, Effect]:
    """What this status means for the delivery, and for its endpoint.

    2xx delivered. 410 and 413 are final, and 410 ends the endpoint. Everything else is tried
    again by the schedule; 1xx and what lies beyond 599 too, as `other`.
    429, 502, 503 and 504 hold the whole endpoint: as long as the receiver asked, but at most
    LONGEST_WAIT; where it asked nothing, `retry_after` is None with scope `endpoint`, which
    means the schedule's first step.
    retry_after: what the answer asked for; it counts with those four only.
    """
    if status in SUCCESS:
        return Delivered(), Keep()
    if status == GONE:
        return Rejected(Reason.GONE), Disable(DisableReason.GONE)
    if status == TOO_LARGE:
        return Rejected(Reason.TOO_LARGE), Keep()
    reason = _REASONS.get(status) or _REASONS_BY_HUNDRED.get(status // 100, Reason.OTHER)
    if status in _OVERLOADED:
        wait = None if retry_after is None else min(retry_after, LONGEST_WAIT)
        return Deferred(reason, wait, Scope.ENDPOINT), Keep()
    return Deferred(reason), Keep()


def outcome_without_answer(reason: Reason) -> Outcome:
    """What it means that no whole answer came: final only if the address itself is at fault."""
    return Rejected(reason) if reason in _FINAL_FAILURES else Deferred(reason)
