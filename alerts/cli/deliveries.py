"""`gradebell delivery resend` and `dispatch`: what is owed is sent, now or again."""

from typing import Annotated

import typer

from alerts.bootstrap import Services
from alerts.cli.frame import (
    HOUSE,
    AppOption,
    JsonOption,
    app_id_of,
    command,
    run,
)
from alerts.cli.log import DeliveryArgument, deliveries, shown, with_hold
from alerts.cli.show import said
from alerts.errors import InvalidInput
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.replay import resend as resend_delivery
from alerts.pipeline.replay import work_off
from alerts.store.deliveries import (
    count_by_state,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands that stand by themselves."""
    command(app, "dispatch", example="gradebell dispatch --until-idle")(dispatch)


@command(deliveries, "resend", example="gradebell delivery resend dlv_01kahg3cxqw8m5n2b7v4c1x9za")
def resend(
    delivery: DeliveryArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Send one delivery again, with the same `webhook-id`; one that waits for its next try, now."""

    async def work(services: Services) -> None:
        record = await resend_delivery(
            delivery,
            app_id=await app_id_of(services, app),
            store=services.store,
            waker=services.waker,
        )
        line = f"{delivery} is {record.state} again."
        line = await with_hold(services, record.endpoint_id, line)
        said(line, shown(record), as_json=as_json)

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
        await fan_out_events(store=services.store, waker=services.waker)
        await services.dispatcher().run_until_idle()
        # What sending brought to light is told, too: an endpoint that was closed, say. And of what
        # is sent again the next part comes when most of the last is gone.
        while await fan_out_events(store=services.store, waker=services.waker) or await work_off(
            store=services.store, waker=services.waker
        ):
            await services.dispatcher().run_until_idle()
        async with services.store.read() as tx:
            states = {str(state): count for state, count in (await count_by_state(tx)).items()}
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        said(f"Nothing is due. Deliveries in all: {counted or 'none'}.", states, as_json=as_json)

    run(work)
