"""`gradebell delivery list`, `show`, `export`, `expunge`: what was owed, and what became of it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from alerts.api.schemas.deliveries import Delivery, DeliveryDetail
from alerts.api.schemas.explained import held_line
from alerts.bootstrap import Services
from alerts.cli.frame import (
    HOUSE,
    AppOption,
    BeforeOption,
    JsonOption,
    LimitOption,
    app_id_of,
    command,
    group,
    read_time,
    run,
)
from alerts.cli.show import fields, rows, said
from alerts.domain.deliveries import REASONS, State
from alerts.domain.grades import Kind
from alerts.domain.meanings import meaning_of
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.export import export_log
from alerts.pipeline.expunge import expunge as expunge_delivery
from alerts.pipeline.naming import resolve_filter
from alerts.store.deliveries import DeliveryRecord, find_delivery, list_attempts
from alerts.store.engine import Transaction
from alerts.store.health import find_hold
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.log_lines import Place

deliveries: Final = group("Deliveries: one event owed to one endpoint, and every try at it.")

EndpointOption = Annotated[str | None, typer.Option(metavar="ID")]
StateOption = Annotated[State | None, typer.Option()]
ReasonOption = Annotated[str | None, typer.Option(help="Such as timeout, or paused.")]
TokenOption = Annotated[
    str | None, typer.Option(metavar="TOKEN", help="An id, or an unambiguous symbol.")
]
KindOption = Annotated[Kind | None, typer.Option()]
CodeOption = Annotated[
    int | None, typer.Option(metavar="STATUS", help="What the last attempt was answered with.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Events recorded at or after: RFC 3339, or a date."),
]
UntilOption = Annotated[str | None, typer.Option(metavar="TIME", help="Events recorded before.")]
DeliveryArgument = Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, dlv_….")]


@command(deliveries, "list", example="gradebell delivery list --state dead --since 2026-11-01")
def list_(
    *,
    endpoint: EndpointOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    kind: KindOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    app: AppOption = HOUSE,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, those of the newest event first."""
    wanted = LogFilter(endpoint, state, _known(reason), token, kind, code, *_stretch(since, until))

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            found = await list_deliveries(
                tx,
                await resolve_filter(tx, wanted, app_id=app_id),
                app_id=app_id,
                before=None if before is None else await _place_of(tx, before, app_id),
                limit=limit,
            )
        columns = ("id", "endpoint_id", "event_type", "token", "kind", "state", "reason")
        rows(
            [shown(record) for record in found],
            as_json=as_json,
            columns=(*columns, "status_code", "attempt_count", "created_at"),
            empty="There is no delivery.",
        )

    run(work)


@command(deliveries, "export", example="gradebell delivery export --state dead > dead.ndjson")
def export(
    *,
    endpoint: EndpointOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    kind: KindOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    app: AppOption = HOUSE,
) -> None:
    """Print all deliveries with their attempts, one a line as JSON, as many as there are."""
    wanted = LogFilter(endpoint, state, _known(reason), token, kind, code, *_stretch(since, until))

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            narrowed = await resolve_filter(tx, wanted, app_id=app_id)
        told = export_log(narrowed, app_id=app_id, store=services.store)
        async for record, attempts in told:
            typer.echo(DeliveryDetail.told(record, attempts).line)

    run(work)


@command(deliveries, "expunge", example="gradebell delivery expunge dlv_01kahg3cxqw8m5n2b7v4c1x9za")
def expunge(
    delivery: DeliveryArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Take out what was answered to a delivery, and the data of an event that was its app's."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        record = await expunge_delivery(delivery, app_id=app_id, store=services.store)
        said(f"{delivery} is expunged; it is not sent again.", shown(record), as_json=as_json)

    run(work)


@command(deliveries, "show", example="gradebell delivery show dlv_01kahg3cxqw8m5n2b7v4c1x9za")
def show(
    delivery: DeliveryArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Show one delivery with all attempts at it, and what its reason means."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            record = await find_delivery(tx, delivery, app_id=app_id)
            attempts = await list_attempts(tx, delivery)
            if record is None:
                raise NotFound("delivery", delivery)
            is_pending = record.state is State.PENDING
            until = await find_hold(tx, record.endpoint_id) if is_pending else None
        told = DeliveryDetail.told(record, attempts).model_dump(mode="json")
        meaning = meaning_of(record.state, record.reason) if record.reason else None
        if as_json:
            fields(told | {"meaning": None if meaning is None else asdict(meaning)}, as_json=True)
            return
        tries = told.pop("attempts")
        fields(told, as_json=False)
        if meaning is not None:
            typer.echo(f"\n{record.reason}: {meaning.means}\n{meaning.mends}")
        if until is not None:
            typer.echo(f"\n{held_line(until)}")
        for attempt in tries:
            typer.echo()
            fields(attempt, as_json=False)

    run(work)


def shown(record: DeliveryRecord) -> dict[str, Any]:
    """A delivery in the shape that the API gives it."""
    return Delivery.of(record).model_dump(mode="json")


async def with_hold(services: Services, endpoint_id: str, line: str) -> str:
    """The line, and what there is to wait for before anything is sent to the endpoint."""
    async with services.store.read() as tx:
        until = await find_hold(tx, endpoint_id)
    return line if until is None else f"{line} {held_line(until)}"


def _stretch(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    asked = ((since, "since"), (until, "until"))
    first, end = (None if text is None else read_time(text, field=name) for text, name in asked)
    return first, end


def _known(reason: str | None) -> str | None:
    if reason is not None and reason not in REASONS:
        raise InvalidInput("reason", f"must be one of {', '.join(REASONS)}, not {reason!a}")
    return reason


async def _place_of(tx: Transaction, delivery_id: str, app_id: str) -> Place:
    """Where a delivery stands in the log. Raises InvalidInput."""
    record = await find_delivery(tx, delivery_id, app_id=app_id)
    if record is None:
        raise InvalidInput("before", f"there is no delivery {delivery_id!a}")
    return Place(record.sequence, record.endpoint_id)
