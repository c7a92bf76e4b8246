"""Cycles and sources, as people push and read them."""

from typing import Any, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_CYCLE, Answer, Body, KindName, Time
from alerts.domain.grades import Kind
from alerts.domain.ratings import HoldReason
from alerts.domain.readings import RejectedRow
from alerts.ports import SourceState
from alerts.store.cycles import CycleRecord, CycleState, Origin

_CYCLE: dict[str, Any] = {
    "id": EXAMPLE_CYCLE,
    "source": "my_models",
    "kind": "trader",
    "as_of": "2026-11-20T00:00:00Z",
    "origin": "push",
    "complete": True,
    "state": "done",
    "hold_reason": None,
    "tokens": 998,
    "graded": 996,
    "rejected_count": 1,
    "events": 41,
    "received_at": "2026-11-20T00:04:06.512000Z",
    "diffed_at": "2026-11-20T00:04:07.003000Z",
    "done_at": "2026-11-20T00:04:07.260000Z",
}
_REJECTED: dict[str, Any] = {
    "row": 17,
    "token_id": "3375",
    "problem": "score: must be from 0 to 100, not 101",
}


class NewGrade(Body):
    """One token's grade. A row that cannot be read is rejected by itself."""

    token_id: str | int = Field(description="1–64 of A–Z, a–z, 0–9, dot, _ and -.")
    symbol: str | None = None
    name: str | None = None
    score: float | str | None = Field(
        default=None, description="0–100, or decimal text; null or absent is unknown, never 0."
    )
    class_: str | None = Field(
        default=None, alias="class", description="Your own label; shown only."
    )
    components: dict[str, float | None] | None = Field(
        default=None, description="What the score is made of, at most 40."
    )


class NewCycle(Body):
    """One sweep of one kind from one source."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "my_models",
                    "kind": "trader",
                    "as_of": "2026-11-20T00:00:00Z",
                    "complete": True,
                    "grades": [
                        {
                            "token_id": "3375",
                            "symbol": "BTC",
                            "name": "Bitcoin",
                            "score": 83.1,
                            "class": "buy",
                            "components": {"momentum": 88, "liquidity": None},
                        }
                    ],
                }
            ]
        }
    )

    source: str = Field(description="1–32 of a–z, 0–9 and _, a letter first.")
    kind: KindName
    as_of: str = Field(description="RFC 3339 with an offset, or a date; at most 1 h ahead.")
    complete: bool = Field(default=False, description="Whether a token's absence means anything.")
    grades: list[NewGrade] = Field(description="At most 50,000.")


class Rejected(Answer):
    """A row that was left out. row: 1 is the first."""

    row: int
    token_id: str | None
    problem: str

    @classmethod
    def of(cls, row: RejectedRow) -> Self:
        """From the domain's."""
        return cls(row=row.row, token_id=row.token_id, problem=row.problem)


class Accepted(Answer):
    """What a push came to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": EXAMPLE_CYCLE,
                    "state": "diffed",
                    "hold_reason": None,
                    "events": 41,
                    "rejected": [_REJECTED],
                    "rejected_count": 1,
                }
            ]
        }
    )

    id: str
    state: CycleState
    hold_reason: HoldReason | None = Field(
        description="Why it was not believed, if it was not: an operator releases or discards it."
    )
    events: int = Field(description="How many changes will be told.")
    rejected: list[Rejected] = Field(description="The first 1,000 rows left out, and why.")
    rejected_count: int


class Cycle(Answer):
    """A cycle in the log."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CYCLE]})

    id: str
    source: str
    kind: Kind
    as_of: Time
    origin: Origin
    complete: bool
    state: CycleState
    hold_reason: HoldReason | None = Field(description="Why it was not believed, if it was not.")
    tokens: int = Field(description="Rows read.")
    graded: int = Field(description="Those with a score.")
    rejected_count: int = Field(description="Rows left out.")
    events: int
    received_at: Time
    diffed_at: Time | None
    done_at: Time | None = Field(description="When everybody's deliveries had been written.")

    @classmethod
    def of(cls, record: CycleRecord) -> Self:
        """From the store's."""
        return cls(
            id=record.id,
            source=record.source,
            kind=record.kind,
            as_of=record.as_of,
            origin=record.origin,
            complete=record.complete,
            state=record.state,
            hold_reason=record.hold_reason,
            tokens=record.tokens,
            graded=record.graded,
            rejected_count=record.rejected,
            events=record.events,
            received_at=record.received_at,
            diffed_at=record.diffed_at,
            done_at=record.done_at,
        )


class CycleDetail(Cycle):
    """A cycle with the rows it left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CYCLE | {"rejected": [_REJECTED]}]})

    rejected: list[Rejected] = Field(
        default_factory=list, description="The first 1,000 rows left out, and why."
    )


class Cycles(Answer):
    """A page of cycles, newest first."""

    data: list[Cycle]
    next: str | None


class LastCycle(Answer):
    """The cycle accepted last."""

    id: str
    as_of: Time
    accepted_at: Time


class SourceKind(Answer):
    """How one kind of a source stands."""

    kind: Kind
    state: SourceState = Field(
        description="stale: nothing was accepted for three intervals, or of 20 grades and more "
        "none has changed for 48 hours (fundamental: 14 days)."
    )
    since: Time | None
    detail: str | None = Field(description="What the source last refused with, or why it is stale.")
    last_cycle: LastCycle | None
    clock_skew_seconds: int | None = Field(
        default=None,
        description="How far the source's clock is ahead of ours. Nothing is decided by it.",
    )


class Budget(Answer):
    """Requests of one period."""

    limit: int
    spent: int
    left: int


class Source(Answer):
    """Where grades come from. is_polled: Gradebell asks; otherwise somebody pushes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "token_metrics",
                    "is_polled": True,
                    "kinds": [
                        {
                            "kind": "trader",
                            "state": "ok",
                            "since": "2026-11-01T08:00:02Z",
                            "detail": None,
                            "last_cycle": {
                                "id": EXAMPLE_CYCLE,
                                "as_of": "2026-11-20T08:00:00Z",
                                "accepted_at": "2026-11-20T08:00:09Z",
                            },
                            "clock_skew_seconds": 0,
                        }
                    ],
                    "budget": {"month": {"limit": 5000, "spent": 1212, "left": 3788}},
                }
            ]
        }
    )

    source: str
    is_polled: bool
    kinds: list[SourceKind]
    budget: dict[str, Budget] = Field(description="By `minute` and `month`, where there are any.")


class Sources(Answer):
    """All sources there are."""

    data: list[Source]
    next: str | None
