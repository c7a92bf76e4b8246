"""Deliveries: the log of what was told, and telling it again."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.responses import StreamingResponse

from alerts.api.deps import Bell, Paging, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.schemas.base import KindName, QueryMoment
from alerts.api.schemas.deliveries import (
    Deliveries,
    Delivery,
    DeliveryDetail,
)
from alerts.domain.deliveries import REASONS, State
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.export import export_log
from alerts.pipeline.expunge import expunge
from alerts.pipeline.naming import resolve_filter
from alerts.pipeline.replay import resend
from alerts.store.deliveries import AttemptRecord, DeliveryRecord, find_delivery, list_attempts
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place

router = APIRouter(prefix="/v1/deliveries", tags=["Deliveries"])

NDJSON: Final = "application/x-ndjson"
# An event's number, as a cursor holds it.
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def _known_reason(word: str) -> str:
    if word not in REASONS:
        expected = ", ".join(f"'{reason}'" for reason in REASONS)
        raise PydanticCustomError("enum", "must be one of {expected}", {"expected": expected})
    return word


class Narrowing(BaseModel):
    """Which deliveries. Other query parameters are refused by name."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str | None = Field(default=None, max_length=64, description="An endpoint's id.")
    state: State | None = None
    reason: Annotated[str, AfterValidator(_known_reason)] | None = Field(
        default=None, description="Why it ended, e.g. `timeout`, `gone`, `paused`, `expired`."
    )
    token: str | None = Field(
        default=None, max_length=120, description="An id, or an unambiguous symbol."
    )
    kind: KindName | None = None
    code: int | None = Field(
        default=None, ge=100, le=999, description="The HTTP status of the last attempt."
    )
    since: QueryMoment | None = Field(
        default=None, description="Their events were recorded at or after this time."
    )
    until: QueryMoment | None = Field(
        default=None, description="Their events were recorded before this time."
    )

    @property
    def wanted(self) -> LogFilter:
        """The same in the words of the store, unchecked."""
        return LogFilter(
            endpoint_id=self.endpoint,
            state=self.state,
            reason=self.reason,
            token=self.token,
            kind=self.kind,
            code=self.code,
            since=self.since,
            until=self.until,
        )


class DeliveryQuery(Narrowing, Paging):
    """Which deliveries, and which part of the list."""

    @property
    def place(self) -> Place | None:
        """Where the last delivery shown stands. Raises InvalidInput."""
        keys = self.before(parts=2)
        if keys is None:
            return None
        if not _NUMBER.fullmatch(keys[0]):
            raise InvalidInput("cursor", "is not one that this list gave")
        return Place(int(keys[0]), keys[1])


def _key(record: DeliveryRecord) -> list[str]:
    return [str(record.sequence), record.endpoint_id]


@router.get("", response_model=Deliveries, responses=refuses(422))
async def show_deliveries(
    principal: Reader, services: Bell, query: Annotated[DeliveryQuery, Query()]
) -> dict[str, Any]:
    """List deliveries to your endpoints: delivered, waiting, dead, skipped, and why.

    Those of the newest event come first, and of one event those to the newest endpoint.
    """
    async with services.store.read() as tx:
        records = await list_deliveries(
            tx,
            await resolve_filter(tx, query.wanted, app_id=principal.reach),
            app_id=principal.reach,
            before=query.place,
            limit=query.and_one,
        )
    return query.page(records, Delivery.of, _key)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A delivery with its attempts on each line, and nothing else.",
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/DeliveryDetail"}}},
        },
        **refuses(422),
    },
)
async def export_deliveries(
    principal: Reader, services: Bell, query: Annotated[Narrowing, Query()]
) -> StreamingResponse:
    """Export the log: all deliveries asked for, with their attempts, as NDJSON.

    The order is that of the list. It is read as fast as you take it, and may be of any length; an
    answer that breaks off was not all of it.
    """
    async with services.store.read() as tx:
        wanted = await resolve_filter(tx, query.wanted, app_id=principal.reach)
    told = export_log(wanted, app_id=principal.reach, store=services.store)
    return StreamingResponse(_lines(told), media_type=NDJSON)


async def _lines(
    told: AsyncIterator[tuple[DeliveryRecord, list[AttemptRecord]]],
) -> AsyncIterator[str]:
    async for record, attempts in told:
        yield DeliveryDetail.told(record, attempts).line + "\n"


@router.get("/{delivery_id}", responses=refuses(404))
async def show_delivery(delivery_id: str, principal: Reader, services: Bell) -> DeliveryDetail:
    """Show one delivery with every attempt: when, how long, what was answered."""
    async with services.store.read() as tx:
        record = await find_delivery(tx, delivery_id, app_id=principal.reach)
        if record is None:
            raise NotFound("delivery", delivery_id)
        attempts = await list_attempts(tx, delivery_id)
    return DeliveryDetail.told(record, attempts)


@router.post("/{delivery_id}/resend", status_code=202, responses=refuses(404, 409))
async def resend_delivery(
    delivery_id: str, *, principal: Writer, services: Bell, once: Onced
) -> Delivery:
    """Send a delivery once more, under the same `webhook-id`; one that waits to be retried, now."""
    record = await resend(
        delivery_id,
        app_id=principal.reach,
        store=services.store,
        waker=services.waker,
        keep=once.keep(Delivery.of, 202),
    )
    return Delivery.of(record)


@router.post("/{delivery_id}/expunge", responses=refuses(404, 409))
async def expunge_delivery(
    delivery_id: str, *, principal: Writer, services: Bell, once: Onced
) -> Delivery:
    """Take out what was answered to an ended delivery: body and detail of every attempt.

    Times, statuses, reasons, addresses and ids stay. If its event was for your app or endpoint
    alone (a test, a notice about an endpoint), its `data` goes, too, here and in the feed, with
    the answers to all its deliveries. Expunged deliveries are not sent again, and replays leave
    them out.
    """
    record = await expunge(
        delivery_id,
        app_id=principal.reach,
        store=services.store,
        keep=once.keep(Delivery.of, 200),
    )
    return Delivery.of(record)
