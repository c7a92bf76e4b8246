"""`gradebell delivery …`, `replay` and `dispatch`: what was owed to whom, and what became of it."""

from typing import Annotated, Any, Final

import typer

from alerts.api.schemas.deliveries import Attempt, Delivery
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
from alerts.domain.deliveries import State
from alerts.domain.grades import Kind
from alerts.domain.meanings import meaning_of
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.fan_out import fan_out_cycles
from alerts.pipeline.replay import replay as replay_endpoint
from alerts.pipeline.replay import resend as resend_delivery
from alerts.store.deliveries import (
    DeliveryRecord,
    LogFilter,
    count_by_state,
    find_delivery,
    list_attempts,
    list_deliveries,
)

deliveries: Final = group("Deliveries: one event owed to one endpoint, and every try at it.")

DeliveryArgument = Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, dlv_….")]


def add_to(app: typer.Typer) -> None:
    """Add the commands that stand by themselves."""
    example = "gradebell replay ep_01kahfzv5n9k3t1x7b8c2d4e6f --since 2026-11-01 --dry-run"
    command(app, "replay", example=example)(replay)
    command(app, "dispatch", example="gradebell dispatch --until-idle")(dispatch)


@command(deliveries, "list", example="gradebell delivery list --state dead --since 2026-11-01")
def list_(
    *,
    endpoint: Annotated[str | None, typer.Option(metavar="ID")] = None,
    state: Annotated[State | None, typer.Option()] = None,
    reason: Annotated[str | None, typer.Option(help="Such as timeout, or paused.")] = None,
    token: Annotated[str | None, typer.Option(metavar="ID")] = None,
    kind: Annotated[Kind | None, typer.Option()] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    app: AppOption = HOUSE,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    wanted = LogFilter(
        endpoint_id=endpoint,
        state=state,
        reason=reason,
        token=token,
        kind=kind,
        since=None if since is None else read_time(since, field="since"),
    )

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            found = await list_deliveries(tx, wanted, app_id=app_id, before=before, limit=limit)
        columns = ("id", "event_type", "token", "kind", "state", "reason", "attempt_count")
        shown = [_shown(record) for record in found]
        rows(
            shown, as_json=as_json, columns=(*columns, "created_at"), empty="There is no delivery."
        )

    run(work)


@command(deliveries, "show", example="gradebell delivery show dlv_01kahg3cxqw8m5n2b7v4c1x9za")
def show(
    delivery: DeliveryArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Show one delivery with all attempts at it."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            record = await find_delivery(tx, delivery, app_id=app_id)
            attempts = await list_attempts(tx, delivery)
        if record is None:
            raise NotFound("delivery", delivery)
        tries = [Attempt.of(attempt).model_dump(mode="json") for attempt in attempts]
        if as_json:
            fields(_shown(record) | {"attempts": tries}, as_json=True)
            return
        fields(_shown(record), as_json=False)
        typer.echo()
        meaning = meaning_of(record.state, record.reason) if record.reason else None
        if meaning is not None:
            typer.echo(f"{record.reason}: {meaning.means}\n{meaning.mends}\n")
        columns = ("number", "started_at", "outcome", "reason", "status_code", "detail")
        rows(tries, as_json=False, columns=columns, empty="It was not tried yet.")

    run(work)


@command(deliveries, "resend", example="gradebell delivery resend dlv_01kahg3cxqw8m5n2b7v4c1x9za")
def resend(
    delivery: DeliveryArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Send one delivery again, with the same `webhook-id`."""

    async def work(services: Services) -> None:
        record = await resend_delivery(
            delivery,
            app_id=await app_id_of(services, app),
            store=services.store,
            waker=services.waker,
        )
        said(f"{delivery} is {record.state} again.", _shown(record), as_json=as_json)

    run(work)


def replay(
    endpoint: Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, ep_….")],
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339, or a date.")],
    until: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    only: Annotated[str | None, typer.Option(help="failed, or missing; both if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and no more.")] = False,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Send an endpoint again what it missed or failed to take."""
    first = read_time(since, field="since")
    last = None if until is None else read_time(until, field="until")

    async def work(services: Services) -> None:
        count = await replay_endpoint(
            endpoint,
            since=first,
            until=last,
            only=only,
            dry_run=dry_run,
            app_id=await app_id_of(services, app),
            store=services.store,
            waker=services.waker,
        )
        verb = "would be sent" if dry_run else "are sent"
        found = {"count": count, "dry_run": dry_run}
        said(f"{count} deliveries {verb} again.", found, as_json=as_json)

    run(work)


def dispatch(
    *,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due. Needed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fan out and send all that is due now, and end; `gradebell worker` goes on for ever."""
    if not until_idle:
        raise InvalidInput("--until-idle", "is needed; `gradebell worker` is what goes on for ever")

    async def work(services: Services) -> None:
        await fan_out_cycles(store=services.store, waker=services.waker)
        await services.dispatcher().run_until_idle()
        async with services.store.read() as tx:
            states = {str(state): count for state, count in (await count_by_state(tx)).items()}
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        said(f"Nothing is due. Deliveries in all: {counted or 'none'}.", states, as_json=as_json)

    run(work)


def _shown(record: DeliveryRecord) -> dict[str, Any]:
    """A delivery in the shape that the API gives it."""
    return Delivery.of(record).model_dump(mode="json")
