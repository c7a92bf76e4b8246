"""Deliveries, attempts, and what is asked of them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import (
    EXAMPLE_DELIVERY,
    EXAMPLE_ENDPOINT,
    EXAMPLE_EVENT,
    Answer,
    Body,
    Time,
)
from alerts.api.schemas.endpoints import Endpoint
from alerts.domain.deliveries import State, Trigger
from alerts.domain.grades import Kind
from alerts.store.deliveries import AttemptRecord, DeliveryRecord

MILLISECOND: Final = timedelta(milliseconds=1)
_OPEN: Final = frozenset({State.PENDING, State.SENDING})
_DELIVERY: Final[dict[str, Any]] = {
    "id": EXAMPLE_DELIVERY,
    "endpoint_id": EXAMPLE_ENDPOINT,
    "event_id": EXAMPLE_EVENT,
    "event_type": "grade.upgraded",
    "sequence": 48211,
    "token": "token_metrics:3375",
    "kind": "fundamental",
    "state": "delivered",
    "reason": None,
    "deferred_reason": None,
    "trigger": "schedule",
    "attempt_count": 1,
    "status_code": 204,
    "due_at": None,
    "expires_at": "2026-11-23T00:04:07Z",
    "recorded_at": "2026-11-20T00:04:07Z",
    "created_at": "2026-11-20T00:04:07.260000Z",
    "ended_at": "2026-11-20T00:04:07.391000Z",
    "expunged_at": None,
}
_ATTEMPT: Final[dict[str, Any]] = {
    "id": "att_01kahg3d1fz6x8c4v2b0n9m7qw",
    "send_id": "snd_01kahg3d1e4w7r9t2y5u8i1o3p",
    "number": 1,
    "trigger": "schedule",
    "position": 0,
    "scheduled_for": "2026-11-20T00:04:07.260000Z",
    "started_at": "2026-11-20T00:04:07.303000Z",
    "ended_at": "2026-11-20T00:04:07.391000Z",
    "late_ms": 43,
    "outcome": "delivered",
    "reason": None,
    "status_code": 204,
    "response_body": "",
    "truncated": False,
    "remote_address": "93.184.215.14",
    "timings_ms": {"dns": 3.1, "connect": 18.0, "tls": 22.4, "first_byte": 41.9, "total": 86.2},
    "secret_ids": ["sec_01kahfzv5p0q2w4e6r8t1y3u5a"],
    "provider_id": None,
    "effect": None,
    "detail": None,
    "worker": "gradebell-7f9c:41",
}


class Delivery(Answer):
    """One event owed to one endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})

    id: str = Field(description="`gradebell-delivery` in the webhook.")
    endpoint_id: str
    event_id: str = Field(description="`webhook-id` in the webhook.")
    event_type: str
    sequence: int
    token: str | None
    kind: Kind | None
    state: State
    reason: str | None = Field(
        description="Why it ended dead, unknown or skipped; while it waits, what the last try met."
    )
    deferred_reason: str | None = Field(description="Why it waits, where its owner wanted that.")
    trigger: Trigger
    attempt_count: int
    status_code: int | None = Field(
        description="The HTTP status of the last attempt; null where there was none."
    )
    due_at: Time | None = Field(description="When it is tried next; null once it has ended.")
    expires_at: Time
    recorded_at: Time = Field(description="When its event was; `since` and `until` go by it.")
    created_at: Time
    ended_at: Time | None
    expunged_at: Time | None = Field(
        description="When what was answered was taken out; it is not sent again."
    )

    @classmethod
    def of(cls, record: DeliveryRecord) -> Self:
        """From the store's."""
        return cls(
            id=record.id,
            endpoint_id=record.endpoint_id,
            event_id=record.event_id,
            event_type=record.event_type,
            sequence=record.sequence,
            token=record.token,
            kind=record.kind,
            state=record.state,
            reason=record.reason,
            deferred_reason=record.deferred_reason,
            trigger=record.trigger,
            attempt_count=record.attempts,
            status_code=record.status_code,
            due_at=record.due_at if record.state in _OPEN else None,
            expires_at=record.expires_at,
            recorded_at=record.recorded_at,
            created_at=record.created_at,
            ended_at=record.ended_at,
            expunged_at=record.expunged_at,
        )


class Attempt(Answer):
    """One try."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ATTEMPT]})

    id: str
    send_id: str = Field(description="Shared by the deliveries that went in one message.")
    number: int
    trigger: Trigger
    position: int = Field(description="The place in the retry schedule; 0 is the first try.")
    scheduled_for: Time
    started_at: Time
    ended_at: Time
    late_ms: int = Field(
        description="From `scheduled_for` to `started_at`, by the database's clock."
    )
    outcome: str = Field(description="delivered, deferred, rejected, unknown or interrupted.")
    reason: str | None
    status_code: int | None
    response_body: str = Field(description="The beginning of what was answered.")
    truncated: bool
    remote_address: str | None
    timings_ms: dict[str, float] = Field(
        description="`dns`, `connect` and `tls` of a new connection, each by itself;"
        " `first_byte` and `total` from the start."
    )
    secret_ids: list[str] = Field(description="The secrets that signed it.")
    provider_id: str | None
    effect: str | None = Field(description="What it did to the endpoint: disable or moveto.")
    detail: str | None
    worker: str = Field(description="Which process sent it.")

    @classmethod
    def of(cls, record: AttemptRecord) -> Self:
        """From the store's."""
        return cls(
            id=record.id,
            send_id=record.send_id,
            number=record.number,
            trigger=record.trigger,
            position=record.position,
            scheduled_for=record.scheduled_for,
            started_at=record.started_at,
            ended_at=record.ended_at,
            late_ms=round((record.started_at - record.scheduled_for) / MILLISECOND),
            outcome=record.outcome,
            reason=record.reason,
            status_code=record.status_code,
            response_body=(record.response_body or b"").decode("utf-8", "replace"),
            truncated=record.truncated,
            remote_address=record.remote_address,
            timings_ms=record.timings_ms,
            secret_ids=record.secret_ids,
            provider_id=record.provider_id,
            effect=record.effect,
            detail=record.detail,
            worker=record.worker,
        )


class DeliveryDetail(Delivery):
    """A delivery with its attempts, the first one first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_DELIVERY | {"attempts": [_ATTEMPT]}]}
    )

    attempts: list[Attempt] = Field(default_factory=list)

    @classmethod
    def told(cls, record: DeliveryRecord, attempts: Iterable[AttemptRecord]) -> Self:
        """From the store's."""
        tries = [Attempt.of(attempt) for attempt in attempts]
        return cls.of(record).model_copy(update={"attempts": tries})

    @property
    def line(self) -> str:
        """As a line of NDJSON, in ASCII: some readers take other characters for a line's end."""
        return self.model_dump_json(ensure_ascii=True)


class Deliveries(Answer):
    """A page of deliveries, newest first."""

    data: list[Delivery]
    next: str | None


class Rotation(Body):
    """How long the old secret goes on signing beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})

    overlap_seconds: int = Field(default=86_400, ge=0, le=604_800)


class Rotated(Answer):
    """A new signing secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwFx0mM6nQkOk="}]
        }
    )

    secret: str = Field(description="It is shown this once.")


class Enabled(Answer):
    """An endpoint back in service, and what it missed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "endpoint": Endpoint.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]  # JSON
                    "count": 14,
                    "failed": 2,
                    "missing": 12,
                    "since": "2026-11-19T14:02:11Z",
                }
            ]
        }
    )

    endpoint: Endpoint
    count: int = Field(description="What a replay from `since` would bring: the next two.")
    failed: int = Field(description="Deliveries that ended dead or unknown.")
    missing: int = Field(description="Deliveries that were skipped.")
    since: Time = Field(
        description="Since when it had been out of service; of one disabled because it was "
        "failing, since when it failed."
    )
