"""Deliveries and attempts: what a send can come to, and what follows from it."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


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
    """Not this time: try again by the schedule, and not before `retry_after` if one is given."""

    reason: Reason
    retry_after: timedelta | None = None
    scope: Scope = Scope.DELIVERY


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
