"""`gradebell endpoint …`: what is done to an endpoint, and the question why."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from alerts.api.previews import preview
from alerts.api.schemas.explained import Explained
from alerts.api.schemas.secrets import Secret
from alerts.bootstrap import Services
from alerts.channels.signing import format_secret
from alerts.cli.endpoints import DAY_SECONDS, EndpointArgument, endpoints, shown_of
from alerts.cli.frame import HOUSE, AppOption, JsonOption, app_id_of, command, run
from alerts.cli.show import rows, said
from alerts.cli.wording import plural
from alerts.domain.events import rfc3339
from alerts.pipeline import endpoints as desk
from alerts.pipeline import secrets
from alerts.pipeline.replay import explain as explain_event
from alerts.pipeline.replay import resume, send_test

# The group, with these commands too.
__all__ = ["endpoints"]


@command(endpoints, "test", example="gradebell endpoint test ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def send_one(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Send an `endpoint.test`; a worker, or `gradebell dispatch --until-idle`, takes it there."""

    async def work(services: Services) -> None:
        delivery = await send_test(
            endpoint,
            app_id=await app_id_of(services, app),
            store=services.store,
            waker=services.waker,
        )
        line = f"{delivery.id} is on its way; `gradebell delivery show {delivery.id}` follows it."
        said(line, {"id": delivery.id, "event_id": delivery.event_id}, as_json=as_json)

    run(work)


@command(
    endpoints,
    "rotate-secret",
    example="gradebell endpoint rotate-secret ep_01kahfzv5n9k3t1x7b8c2d4e6f --overlap-seconds 3600",
)
def rotate_secret(
    endpoint: EndpointArgument,
    *,
    overlap_seconds: Annotated[
        int, typer.Option(help="How long the old secrets sign as well, at most 7 days; 0: no more.")
    ] = DAY_SECONDS,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Make a new signing secret; it is shown this once."""

    async def work(services: Services) -> None:
        overlap = timedelta(seconds=overlap_seconds)
        app_id = await app_id_of(services, app)
        fresh = await secrets.rotate_secret(endpoint, overlap, app_id=app_id, desk=services.desk)
        secret = format_secret(fresh)
        line = f"The new signing secret of {endpoint}, shown this once:\n{secret}"
        said(line, {"id": endpoint, "secret": secret}, as_json=as_json)

    run(work)


@command(endpoints, "preview", example="gradebell endpoint preview ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def preview_digest(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Show the next digest as it would be sent now, and when it is due; sends nothing."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        found = await preview(endpoint, app_id=app_id, services=services)
        line = f"{found.period} is due at {rfc3339(found.next_at)}"
        unsent = ", and is not sent: nothing changed so far, or the endpoint is out of service."
        line += "." if found.is_sent else unsent
        shown = found.message or found.event
        line += f"\n{json.dumps(shown, ensure_ascii=False, indent=2)}"
        said(line, found.model_dump(mode="json"), as_json=as_json)

    run(work)


@command(endpoints, "secrets", example="gradebell endpoint secrets ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def list_secrets(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """List the secrets that sign now, the newest first; their values were shown when made."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        live = await secrets.signing_now(endpoint, app_id=app_id, store=services.store)
        rows(
            [Secret.of(record).model_dump(mode="json") for record in live],
            as_json=as_json,
            columns=("id", "created_at", "expires_at"),
            empty="No secret signs here.",
        )

    run(work)


@command(
    endpoints,
    "revoke-secret",
    example="gradebell endpoint revoke-secret ep_01kahfzv5n9k3t1x7b8c2d4e6f "
    "sec_01k9vt2m8h3n5p7r9t1w3y5a7c",
)
def revoke_secret(
    endpoint: EndpointArgument,
    secret: Annotated[str, typer.Argument(metavar="SECRET", help="The secret's id, sec_….")],
    *,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """End an older signing secret before its overlap does."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        await secrets.revoke(endpoint, secret, app_id=app_id, store=services.store)
        said(f"{secret} signs no more.", {"id": secret, "revoked": True}, as_json=as_json)

    run(work)


@command(endpoints, "pause", example="gradebell endpoint pause ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def pause(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Send nothing until it is enabled again; news meanwhile is skipped, to be replayed."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        record = await desk.pause(endpoint, app_id=app_id, desk=services.desk)
        said(f"{endpoint} is {record.state}.", await shown_of(services, record), as_json=as_json)

    run(work)


@command(endpoints, "enable", example="gradebell endpoint enable ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def enable(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Take a paused or disabled endpoint back into service, from now on; says what it missed."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        resumed = await resume(endpoint, app_id=app_id, desk=services.desk)
        count = resumed.failed + resumed.missing
        counts = {
            "count": count,
            "failed": resumed.failed,
            "missing": resumed.missing,
            "since": resumed.since,
        }
        line = f"{endpoint} is {resumed.endpoint.state}."
        if count:
            line += (
                f" It did not get {plural(count, 'delivery')} ({resumed.failed} failed, "
                f"{resumed.missing} missed); to send them:\n"
                f"gradebell replay {endpoint} --since {rfc3339(resumed.since)}"
                f"{'' if app == HOUSE else f' --app {app}'}"
            )
        said(line, await shown_of(services, resumed.endpoint) | counts, as_json=as_json)

    run(work)


@command(endpoints, "delete", example="gradebell endpoint delete ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def delete(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Delete an endpoint for good, with its deliveries and their log."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        await desk.remove(endpoint, app_id=app_id, desk=services.desk)
        said(f"{endpoint} is deleted.", {"id": endpoint, "deleted": True}, as_json=as_json)

    run(work)


@command(
    endpoints,
    "explain",
    example="gradebell endpoint explain ep_01kahfzv5n9k3t1x7b8c2d4e6f "
    "evt_01kah9pm00jv0r6e0g3t6m1kdy",
)
def explain(
    endpoint: EndpointArgument,
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="Its id, evt_…; `gradebell event list` has them."),
    ],
    *,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Say why an endpoint was, or was not, told of an event."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        found = await explain_event(endpoint, event, app_id=app_id, store=services.store)
        told = Explained.of(found, services.ladder.policies)
        line = told.summary
        if told.delivery is not None:
            line += f" `gradebell delivery show {told.delivery.id}` has the whole of it."
        said(line, told.model_dump(mode="json"), as_json=as_json)

    run(work)
