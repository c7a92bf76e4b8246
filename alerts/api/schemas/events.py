"""The feed: events exactly as webhooks carry them."""

from typing import Any

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_CYCLE, EXAMPLE_EVENT, Answer, Time
from alerts.domain.events import EventType

_EVENT: dict[str, Any] = {
    "id": EXAMPLE_EVENT,
    "type": "grade.upgraded",
    "timestamp": "2026-11-20T00:00:00Z",
    "recorded_at": "2026-11-20T00:04:07Z",
    "sequence": 48211,
    "data": {
        "token": {"id": "token_metrics:3375", "symbol": "BTC", "name": "Bitcoin"},
        "kind": "fundamental",
        "from": {
            "score": 78.9,
            "as_of": "2026-11-19T00:00:00Z",
            "band": "Emerging",
            "band_rank": 3,
            "since": "2026-10-10T00:00:00Z",
            "held_days": 41,
            "anchor": 78.9,
        },
        "to": {
            "score": 83.1,
            "as_of": "2026-11-20T00:00:00Z",
            "band": "Blue Chip",
            "band_rank": 4,
        },
        "bands": 5,
        "band_version": 1,
        "notches": 1,
        "delta": 4.2,
        "components": [{"name": "tokenomics", "from": 6.1, "to": 8.8, "delta": 2.7}],
        "cycle": {"id": EXAMPLE_CYCLE, "as_of": "2026-11-20T00:00:00Z", "mass_move": None},
        "revises": None,
    },
}


class Event(Answer):
    """An event: the body of its webhooks, byte for byte."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EVENT]})

    id: str = Field(description="`webhook-id` in the webhook.")
    type: EventType
    timestamp: Time = Field(description="When it happened; for a grade, its `as_of`.")
    recorded_at: Time
    sequence: int = Field(
        description="Ascends in the order in which events were recorded. You see those addressed "
        "to you, so a number may be missing; what was missed, `next` tells and not a gap."
    )
    data: dict[str, Any] = Field(description="By `type`; new fields may appear.")


class Feed(Answer):
    """A stretch of the feed, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": [_EVENT], "next": "48211"}]})

    data: list[Event]
    next: str = Field(description="The `after` to come back with; never null.")
