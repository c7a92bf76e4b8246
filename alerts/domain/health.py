"""Health: how an endpoint takes what it is sent.

Its breaker spares it for seconds and minutes; a spell of failing, over days, ends with its closing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Outcome,
    Reason,
    Rejected,
    Scope,
    Unknown,
)
from alerts.domain.retries import JITTER_SHARE

# Attempts that an endpoint's share of success is made of.
REMEMBERED: Final = 50
# Failures in a row that open the breaker: one more than is on the wire to an endpoint at once, so
# that a restart which cuts all of those off is no outage.
OPENS_AFTER: Final = 5
# How long nothing is sent when the breaker opens. It doubles with every probe that fails: the first
# is short enough for a restart or a deployment, the longest is what a recovery may cost at most.
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=10)
# An endpoint that takes less than this share of its attempts is failing.
FAILING_SHARE: Final = 0.05
# How long, and over how many attempts, until it is closed. As long as a change is told by default:
# by then it has missed all it was owed at the beginning. A delivery alone is never tried so often.
CLOSED_AFTER: Final = timedelta(hours=72)
CLOSED_AT: Final = 20
# Its owner is told when half of both has passed, and has the other half of the time.
WARNED_AFTER: Final = CLOSED_AFTER / 2
WARNED_AT: Final = CLOSED_AT // 2

# What an attempt fails for that nobody answered: their side is down, or ours.
UNANSWERED: Final = frozenset({Reason.DNS, Reason.CONNECTION, Reason.TLS, Reason.TIMEOUT})
# Where no more than this share of the endpoints tried answers, it is ours; of fewer endpoints
# nobody can tell.
ANSWERING_SHARE: Final = 0.1
LEAST_TRIED: Final = 3

_FULL: Final = 1 << REMEMBERED
# More than it takes to the longest pause; a power must end somewhere.
_DOUBLINGS: Final = 10


class Breaker(StrEnum):
    """closed: all is sent; open: nothing is; probing: the next delivery decides."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Advice(StrEnum):
    """What to do about an endpoint that fails: tell its owner; close it."""

    WARN = "warn"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint, as its lane keeps it.

    recent: its last attempts as bits, the newest lowest, 1 for a delivered one; a leading 1 marks
    where they begin. failures: in a row, as the breaker counts them.
    trips: how often in a row the breaker has opened. opened_at: the first of these times.
    held_until: nothing is sent before; while the breaker is open, the time of its next probe.
    failing_since: the failure that its present spell began with; a first failure begins one, and
    most end with the next attempt. failing_attempts: in that spell, whatever they came to; counted
    anew where it was no fault of the endpoint's.
    warned_at: when its owner was told of the spell, or later, when it was spared its end.
    """

    recent: int = 1
    failures: int = 0
    trips: int = 0
    opened_at: datetime | None = None
    held_until: datetime | None = None
    failing_since: datetime | None = None
    failing_attempts: int = 0
    warned_at: datetime | None = None

    @property
    def attempts(self) -> int:
        """How many are remembered, REMEMBERED at most."""
        return self.recent.bit_length() - 1

    @property
    def success_share(self) -> float | None:
        """Of the attempts remembered; None before the first."""
        return self._share(self.attempts)

    @property
    def failing_share(self) -> float | None:
        """Of the present spell, as far back as is remembered; None outside of one."""
        return self._share(min(self.failing_attempts, self.attempts))

    def breaker(self, now: datetime) -> Breaker:
        """How the breaker stands."""
        if self.opened_at is None:
            return Breaker.CLOSED
        is_due = self.held_until is not None and self.held_until <= now
        return Breaker.PROBING if is_due else Breaker.OPEN

    def _share(self, last: int) -> float | None:
        return (self.recent & (1 << last) - 1).bit_count() / last if last else None


def observe(health: Health, outcomes: Sequence[Outcome], *, now: datetime, jitter: float) -> Health:
    """What is known after these attempts, in the order in which they ended. jitter: 0 up to 1.

    What failed for our own token says nothing of the endpoint.
    """
    is_calm = health.opened_at is None and health.failing_since is None
    if is_calm and all(isinstance(outcome, Delivered) for outcome in outcomes):
        return _still_well(health, len(outcomes))  # Most of the time, by far.
    for outcome in outcomes:
        if isinstance(outcome, Deferred) and outcome.is_ours:
            continue
        is_delivered = isinstance(outcome, Delivered)
        health = replace(health, recent=_remember(health.recent, is_delivered=is_delivered))
        health = _in_spell(health, now, is_delivered=is_delivered)
        match _takes(outcome):
            case True if health.opened_at is None:
                health = replace(health, failures=0)
            case False if health.opened_at is None:
                health = _failed(health, now, jitter)
            case bool() as takes if health.breaker(now) is Breaker.PROBING:
                health = _probed(health, now, takes=takes, jitter=jitter)
            # An open breaker hears its probe alone: what was on the wire when it opened says
            # nothing new.
    return health


def _still_well(health: Health, times: int) -> Health:
    """After so many successes of an endpoint that is neither failing nor spared."""
    recent = health.recent
    for _ in range(times):
        recent = _remember(recent, is_delivered=True)
    is_old = recent == health.recent and not health.failures
    return health if is_old else replace(health, recent=recent, failures=0)


def _takes(outcome: Outcome) -> bool | None:
    """Whether the endpoint takes deliveries, going by this; None where it does not say."""
    match outcome:
        case Delivered():
            return True
        case Deferred(retry_after=wait, scope=Scope.ENDPOINT) if wait is not None:
            return None  # It is there, and has said when it can take more.
        case Rejected():
            return None  # This delivery is at fault, or the way there.
        case Deferred() | Unknown():
            return False
        case _:
            assert_never(outcome)


def advise(health: Health, now: datetime) -> Advice | None:
    """What the present spell calls for, by an attempt that just failed."""
    if health.failing_since is None:
        return None
    if health.warned_at is None:
        is_due = now - health.failing_since >= WARNED_AFTER and health.failing_attempts >= WARNED_AT
        return Advice.WARN if is_due else None
    is_due = (
        now - health.failing_since >= CLOSED_AFTER
        and now - health.warned_at >= CLOSED_AFTER - WARNED_AFTER
        and health.failing_attempts >= CLOSED_AT
    )
    return Advice.CLOSE if is_due else None


def is_unanswered(outcome: Outcome) -> bool:
    """Whether nobody was reached, as far as this says."""
    return isinstance(outcome, Deferred | Unknown) and outcome.reason in UNANSWERED


def is_our_outage(*, tried: int, answering: int) -> bool:
    """Whether it is our own way out that fails. answering: of the endpoints tried."""
    return tried >= LEAST_TRIED and answering <= tried * ANSWERING_SHARE


def closed(health: Health, now: datetime) -> Health:
    """Of an endpoint that we close: nothing more goes, and nothing will probe it."""
    return replace(health, opened_at=health.opened_at or now, held_until=None)


def _remember(recent: int, *, is_delivered: bool) -> int:
    longer = recent << 1 | is_delivered
    return longer if longer < 2 * _FULL else longer & (_FULL - 1) | _FULL


def _in_spell(health: Health, now: datetime, *, is_delivered: bool) -> Health:
    if health.failing_since is None:
        if is_delivered:
            return health
        return replace(health, failing_since=now, failing_attempts=1)
    health = replace(health, failing_attempts=health.failing_attempts + 1)
    if is_delivered and (health.failing_share or 0) >= FAILING_SHARE:
        return replace(health, failing_since=None, failing_attempts=0, warned_at=None)
    return health


def _failed(health: Health, now: datetime, jitter: float) -> Health:
    failures = health.failures + 1
    if failures < OPENS_AFTER:
        return replace(health, failures=failures)
    return _opened(replace(health, failures=failures, opened_at=now), now, jitter)


def _probed(health: Health, now: datetime, *, takes: bool, jitter: float) -> Health:
    if takes:
        return replace(health, failures=0, trips=0, opened_at=None)
    return _opened(replace(health, failures=health.failures + 1), now, jitter)


def _opened(health: Health, now: datetime, jitter: float) -> Health:
    doubled = FIRST_PAUSE * 2 ** min(health.trips, _DOUBLINGS)
    pause = min(doubled, LONGEST_PAUSE) * (1 + JITTER_SHARE * jitter)
    until = max(now + pause, health.held_until or now)
    return replace(health, trips=health.trips + 1, held_until=until)
