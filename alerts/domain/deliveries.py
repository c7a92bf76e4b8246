"""Deliveries and attempts: what a send can come to, and what follows from it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from alerts.domain.retries import RetrySchedule

# A delivery whose attempts were cut off this often in a row kills what sends it: the first time
# among others, which proves nothing, and then three times alone.
POISON_AFTER: Final = 4


class Channel(StrEnum):
    """How an endpoint is reached."""

    WEBHOOK = "webhook"
    TELEGRAM = "telegram"
    DISCORD = "discord"


class Reason(StrEnum):
    """Why an attempt did not deliver; the same words in table, log, metric and API."""

    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    REDIRECT = "redirect"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECTION = "connection"
    TLS = "tls"
    BLOCKED_ADDRESS = "blocked_address"
    INVALID_URL = "invalid_url"
    GONE = "gone"
    TOO_LARGE = "too_large"
    INTERRUPTED = "interrupted"
    OTHER = "other"


class DisableReason(StrEnum):
    """Why we closed an endpoint."""

    GONE = "gone"
    UNAUTHORIZED = "unauthorized"
    NO_PERMISSION = "no_permission"
    REMOVED = "removed"
    BLOCKED = "blocked"
    FAILING = "failing"


class Scope(StrEnum):
    """What a request to wait holds back: this delivery, or all of its endpoint's."""

    DELIVERY = "delivery"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it. provider_id: the message's id on the platform, where there is one."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not this time: try again by the schedule, and not before `retry_after` if one is given.

    was_asked: False where only its turn at the platform had not come: it is tried again after
    `retry_after`, and the schedule stands still.
    """

    reason: Reason
    retry_after: timedelta | None = None
    scope: Scope = Scope.DELIVERY
    was_asked: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is nothing its endpoint did: a platform refused our own token, or we have
        none, or it was not asked."""
        is_token = self.reason is Reason.AUTH and self.scope is Scope.ENDPOINT
        return is_token or not self.was_asked


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: another try would end the same."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have arrived; only a person can decide to send it again."""

    reason: Reason


Outcome = Delivered | Deferred | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class Keep:
    """The endpoint stays as it is."""


@dataclass(frozen=True, slots=True)
class Disable:
    """The endpoint has ended; nothing more is sent to it until its owner enables it."""

    reason: DisableReason


@dataclass(frozen=True, slots=True)
class MoveTo:
    """The endpoint lives on under another address."""

    address: str


Effect = Keep | Disable | MoveTo


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of one send, for the log.

    response_body: at most 16 KiB of a non-2xx answer, 256 bytes of a 2xx; `truncated` says cut.
    timings_ms: any of dns, connect, tls, first_byte, total.
    secret_ids: the signing secrets that signed.
    detail: one short line for a person; never a secret, never an address with one in it.
    """

    status_code: int | None = None
    response_body: bytes = b""
    truncated: bool = False
    remote_address: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    secret_ids: tuple[str, ...] = ()
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a sender says of one send."""

    outcome: Outcome
    effect: Effect = Keep()
    trace: Trace = Trace()


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


# What was told, or may have been: its corrections go out. What is pending or being sent will be one
# of these, or has never been told: its corrections wait to see.
TOLD: Final = frozenset({State.DELIVERED, State.UNKNOWN})


class SkipReason(StrEnum):
    """Why a delivery was never to be sent. untold: it corrects what was not told either.

    reversed: it led back to what the endpoint knew, for what had led away from it was never told.
    """

    MUTED = "muted"
    PAUSED = "paused"
    DISABLED = "disabled"
    UNSUBSCRIBED = "unsubscribed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNTOLD = "untold"
    REVERSED = "reversed"


class DeferredReason(StrEnum):
    """Why a delivery waits that could go, because whoever is told wanted that."""

    QUIET_HOURS = "quiet_hours"
    COOLDOWN = "cooldown"


class EndReason(StrEnum):
    """Why a delivery ended `dead`, where it was not for its last attempt's own reason."""

    EXPIRED = "expired"
    POISON = "poison"


# Every word that may stand for why a delivery ended.
REASONS: Final = tuple(sorted({word for kind in (Reason, SkipReason, EndReason) for word in kind}))


class Trigger(StrEnum):
    """Who asked for an attempt: the schedule, or a person by resend or replay."""

    SCHEDULE = "schedule"
    MANUAL = "manual"


class Order(StrEnum):
    """What an endpoint wants of two deliveries about the same token and kind."""

    NONE = "none"
    STRICT = "strict"
    LATEST = "latest"


class EndpointState(StrEnum):
    """active; paused by its owner; disabled by us."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


# What news for an endpoint becomes while it is not active.
SKIPPED_WHILE: Final = {
    EndpointState.PAUSED: SkipReason.PAUSED,
    EndpointState.DISABLED: SkipReason.DISABLED,
}


class Verdict(NamedTuple):
    """What an attempt's outcome makes of its delivery and lane.

    position: the schedule's next place. due_at: of the next attempt, when `pending`.
    hold_until: nothing goes to this endpoint before then, where it asked for that.
    """

    state: State
    reason: Reason | EndReason | None
    position: int
    due_at: datetime | None = None
    hold_until: datetime | None = None


def next_state(
    outcome: Outcome,
    *,
    position: int,
    now: datetime,
    expires_at: datetime,
    schedule: RetrySchedule,
    jitter: float,
) -> Verdict:
    """The whole state machine of a delivery that was sent once more.

    position: of the attempt in the schedule, 0 the first. jitter: 0 up to 1.
    A retry that would come after the delivery expires is not waited for.
    """
    match outcome:
        case Delivered():
            return Verdict(State.DELIVERED, None, position)
        case Rejected(reason):
            return Verdict(State.DEAD, reason, position)
        case Unknown(reason):
            return Verdict(State.UNKNOWN, reason, position)
        case Deferred(reason, retry_after, scope, was_asked):
            is_held = scope is Scope.ENDPOINT
            unasked = schedule.first_step if is_held else timedelta(0)
            wait = unasked if retry_after is None else retry_after
            hold = now + wait if is_held else None
            step = position + was_asked
            delay = schedule.delay(step, jitter=jitter) if was_asked else timedelta(0)
            if delay is None:
                return Verdict(State.DEAD, reason, position, hold_until=hold)
            due = now + max(delay, wait)
            if due >= expires_at:
                return Verdict(State.DEAD, EndReason.EXPIRED, position, hold_until=hold)
            return Verdict(State.PENDING, reason, step, due, hold)
        case _:
            assert_never(outcome)


def after_interruption(
    *, repeatable: bool, interruptions: int, position: int, now: datetime
) -> Verdict:
    """What becomes of a delivery whose worker was lost while it was being sent.

    interruptions: in a row, this one included; they do not advance the schedule.
    """
    if not repeatable:
        return Verdict(State.UNKNOWN, Reason.INTERRUPTED, position)
    if interruptions >= POISON_AFTER:
        return Verdict(State.DEAD, EndReason.POISON, position)
    return Verdict(State.PENDING, Reason.INTERRUPTED, position, now)
