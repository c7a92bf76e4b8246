"""Deliveries: the log of what was told, and telling it again."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from alerts.api.deps import Bell, Paging, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.schemas.base import KindName, Moment
from alerts.api.schemas.deliveries import (
    Attempt,
    Deliveries,
    Delivery,
    DeliveryDetail,
)
from alerts.domain.deliveries import EndReason, Reason, SkipReason, State
from alerts.errors import NotFound
from alerts.pipeline.naming import resolve_token
from alerts.pipeline.replay import resend
from alerts.store.deliveries import LogFilter, find_delivery, list_attempts, list_deliveries

router = APIRouter(prefix="/v1/deliveries", tags=["Deliveries"])

_REASONS = sorted({word.value for kind in (Reason, SkipReason, EndReason) for word in kind})


def _known_reason(word: str) -> str:
    if word not in _REASONS:
        expected = ", ".join(f"'{reason}'" for reason in _REASONS)
        raise PydanticCustomError("enum", "should be one of {expected}", {"expected": expected})
    return word


class DeliveryQuery(Paging):
    """Which deliveries."""

    endpoint: str | None = Field(default=None, max_length=64, description="An endpoint's id.")
    state: State | None = None
    reason: Annotated[str, AfterValidator(_known_reason)] | None = Field(
        default=None, description="Why it ended, e.g. `timeout`, `gone`, `paused`, `expired`."
    )
    token: str | None = Field(
        default=None, max_length=120, description="An id, or an unambiguous symbol."
    )
    kind: KindName | None = None
    since: Moment | None = Field(default=None, description="Written at or after this time.")


@router.get("", response_model=Deliveries, responses=refuses(422))
async def show_deliveries(
    principal: Reader, services: Bell, query: Annotated[DeliveryQuery, Query()]
) -> dict[str, Any]:
    """List deliveries to your endpoints: delivered, waiting, dead, skipped, and why."""
    async with services.store.read() as tx:
        wanted = LogFilter(
            endpoint_id=query.endpoint,
            state=query.state,
            reason=query.reason,
            token=None if query.token is None else await resolve_token(tx, query.token),
            kind=query.kind,
            since=query.since,
        )
        records = await list_deliveries(
            tx,
            wanted,
            app_id=principal.reach,
            before=query.before_id,
            limit=query.and_one,
        )
    return query.page(records, Delivery.of, lambda record: [record.id])


@router.get("/{delivery_id}", responses=refuses(404))
async def show_delivery(delivery_id: str, principal: Reader, services: Bell) -> DeliveryDetail:
    """Show one delivery with every attempt: when, how long, what was answered."""
    async with services.store.read() as tx:
        record = await find_delivery(tx, delivery_id, app_id=principal.reach)
        if record is None:
            raise NotFound("delivery", delivery_id)
        attempts = await list_attempts(tx, delivery_id)
    detail = DeliveryDetail.of(record)
    return detail.model_copy(update={"attempts": [Attempt.of(one) for one in attempts]})


@router.post("/{delivery_id}/resend", status_code=202, responses=refuses(404, 409))
async def resend_delivery(
    delivery_id: str, *, principal: Writer, services: Bell, once: Onced
) -> Delivery:
    """Send an ended delivery once more, under the same `webhook-id`."""
    record = await resend(
        delivery_id,
        app_id=principal.reach,
        store=services.store,
        waker=services.waker,
        keep=once.keep(Delivery.of, 202),
    )
    return Delivery.of(record)
