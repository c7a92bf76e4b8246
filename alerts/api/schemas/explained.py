"""Why an endpoint was, or was not, told an event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_ENDPOINT, EXAMPLE_EVENT, Answer
from alerts.api.schemas.deliveries import Delivery
from alerts.api.schemas.tokens import WaitingChange
from alerts.domain.deliveries import DeferredReason, State
from alerts.domain.events import rfc3339
from alerts.domain.grades import Kind
from alerts.domain.ratings import BandPolicy
from alerts.domain.subscriptions import Miss
from alerts.pipeline.replay import Explanation
from alerts.store.deliveries import DeliveryRecord


class MissedField(Answer):
    """What of the endpoint's filter an event failed on. field: null where it came too early."""

    field: str | None
    detail: str


_MISSES: Final = {
    Miss.TOKEN: MissedField(field="filter.tokens", detail="it does not want this token"),
    Miss.KIND: MissedField(field="filter.kinds", detail="it does not want this kind"),
    Miss.TYPE: MissedField(field="filter.types", detail="it does not want events of this type"),
    Miss.MIN_NOTCHES: MissedField(
        field="filter.min_notches", detail="the change is of fewer bands than it wants"
    ),
    Miss.MIN_DELTA: MissedField(
        field="filter.min_delta", detail="the score moved by fewer points than it wants"
    ),
    Miss.THRESHOLD: MissedField(
        field="filter.thresholds", detail="the score crossed no threshold that it names"
    ),
    Miss.WINDOW: MissedField(
        field="filter.windows", detail="the move passed no size that it names for such a window"
    ),
    Miss.OTHER_GRADE: MissedField(
        field="filter.given", detail="the token's other grade was not then what it asks for"
    ),
    Miss.OTHER_UNKNOWN: MissedField(
        field="filter.given", detail="the token's other grade was not known then"
    ),
    Miss.BEFORE_SUBSCRIPTION: MissedField(
        field=None,
        detail="the event came before the endpoint was made, or before it asked for this, or "
        "while it was out of service",
    ),
}


_HOLDS: Final = {
    DeferredReason.QUIET_HOURS: "Quiet hours hold",
    DeferredReason.COOLDOWN: "Its cooldown holds",
}


def held_line(until: datetime) -> str:
    """What a delivery waits for that is due, in a sentence."""
    return f"Nothing is sent to the endpoint until {rfc3339(until)}: its `health` says why."


class Explained(Answer):
    """Why (not)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": EXAMPLE_EVENT,
                    "endpoint_id": EXAMPLE_ENDPOINT,
                    "summary": "No delivery: filter.min_notches: the change is smaller.",
                    "delivery": None,
                    "miss": {"field": "filter.min_notches", "detail": "the change is smaller"},
                    "waiting": None,
                }
            ]
        }
    )

    event_id: str
    endpoint_id: str
    summary: str = Field(description="In one sentence.")
    delivery: Delivery | None
    miss: MissedField | None
    waiting: WaitingChange | None = Field(
        description="The next change of this token and kind, where it waits to be confirmed."
    )

    @classmethod
    def of(cls, found: Explanation, policies: Mapping[Kind, BandPolicy]) -> Self:
        """From what was found."""
        rating, kind = found.rating, found.event.kind
        waiting = None
        if rating is not None and kind is not None:
            waiting = WaitingChange.of(rating, policies[kind])
        miss = None if found.miss is None else _MISSES[found.miss]
        return cls(
            event_id=found.event.id,
            endpoint_id=found.endpoint.id,
            summary=_summary(found.delivery, miss, held_until=found.held_until) + _next(waiting),
            delivery=None if found.delivery is None else Delivery.of(found.delivery),
            miss=miss,
            waiting=waiting,
        )


def _summary(
    delivery: DeliveryRecord | None, miss: MissedField | None, *, held_until: datetime | None
) -> str:
    if delivery is not None:
        is_put_off = delivery.state is State.PENDING and delivery.deferred_reason is not None
        reason = delivery.deferred_reason if is_put_off else delivery.reason
        because = f" ({reason})" if reason else ""
        tries = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
        held = "" if held_until is None else f" {held_line(held_until)}"
        if is_put_off:
            by = _HOLDS[DeferredReason(str(reason))]
            held = f" {by} it back until {rfc3339(delivery.due_at)}.{held}"
        return f"It is {delivery.state.value}{because}, after {tries}.{held}"
    if miss is None:
        return "It is wanted, and its delivery is about to be written."
    place = f"{miss.field}: " if miss.field else ""
    return f"No delivery: {place}{miss.detail}."


def _next(waiting: WaitingChange | None) -> str:
    if waiting is None:
        return ""
    cycles = f"{waiting.seen} of {waiting.needed} cycles in a row"
    return f" The next change, to {waiting.band}, was seen in {cycles}."
