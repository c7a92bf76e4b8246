"""Replays: what is asked to be sent again, and how far that has come."""

from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_ENDPOINT, Answer, Body, Moment, Time
from alerts.pipeline.replay import Wanted
from alerts.store.replays import Progress, ReplayState

_PROGRESS: Final[dict[str, Any]] = {
    "id": "rpl_01kahg5v2m4r6t8w1y3b5d7f9h",
    "endpoint_id": EXAMPLE_ENDPOINT,
    "state": "running",
    "since": "2026-11-19T00:00:00Z",
    "until": "2026-11-20T07:12:40.120417Z",
    "only": "missing",
    "count": 10000,
    "waiting": 6593,
    "delivered": 3407,
    "failed": 0,
    "skipped": 0,
    "created_at": "2026-11-20T07:12:40.120416Z",
}


class NewReplay(Body):
    """What to send again, by when it ended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"since": "2026-11-19T00:00:00Z", "only": "missing", "dry_run": True}]
        }
    )

    since: Moment
    until: Moment | None = Field(default=None, description="Up to, and without; null is now.")
    only: Literal["failed", "missing"] | None = Field(
        default=None, description="failed: dead or unknown; missing: skipped; null is both."
    )
    dry_run: bool = Field(default=False, description="Count, and send nothing.")

    def wanted(self) -> Wanted:
        """The same in the words of the pipeline."""
        return Wanted(since=self.since, until=self.until, only=self.only)


class Replayed(Answer):
    """How many deliveries are sent again, or would be."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"count": 10000, "id": _PROGRESS["id"]}]}
    )

    count: int
    id: str | None = Field(
        description="`GET …/replays/{id}` says how far it has come; null for a dry run."
    )


class Replay(Answer):
    """A replay, and what has become of what it sends again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROGRESS]})

    id: str
    endpoint_id: str
    state: ReplayState = Field(
        description="running: some of it waits; done: none does; stopped: the endpoint was paused "
        "or disabled, and the rest was left as it is."
    )
    since: Time
    until: Time
    only: str | None
    count: int = Field(description="How many deliveries there were to be sent again.")
    waiting: int = Field(description="Of these, to be sent or tried again.")
    delivered: int
    failed: int = Field(description="Dead or unknown once more.")
    skipped: int = Field(description="Not sent: expired, or the endpoint takes nothing.")
    created_at: Time

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """From the store's."""
        record = progress.replay
        is_running = record.state is ReplayState.RUNNING
        waiting = progress.waiting + (record.total - record.brought if is_running else 0)
        is_done = record.state is ReplayState.DONE
        return cls(
            id=record.id,
            endpoint_id=record.endpoint_id,
            state=ReplayState.RUNNING if is_done and waiting else record.state,
            since=record.since,
            until=record.until,
            only=record.only,
            count=record.total,
            waiting=waiting,
            delivered=progress.delivered,
            failed=progress.failed,
            skipped=progress.skipped,
            created_at=record.created_at,
        )


class Replays(Answer):
    """A page of replays, newest first."""

    data: list[Replay]
    next: str | None
