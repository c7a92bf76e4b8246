"""`gradebell endpoint add`, `list` and `show`: whom to tell."""

from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from alerts.api.views import view_endpoint, view_endpoints
from alerts.bootstrap import Services
from alerts.channels.signing import format_secret
from alerts.cli.frame import (
    HOUSE,
    AppOption,
    BeforeOption,
    JsonOption,
    LimitOption,
    app_id_of,
    command,
    group,
    run,
)
from alerts.cli.show import fields, masked, rows, said
from alerts.domain.deliveries import Order
from alerts.domain.events import SUBSCRIBABLE, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES, Filter
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline import endpoints as desk
from alerts.pipeline.endpoints import WEBHOOK_TIME_TO_LIVE, Made, Wish
from alerts.pipeline.pace import LEAST_RATE, MOST_RATE
from alerts.store.endpoints import EndpointRecord, find_endpoint, list_endpoints

endpoints: Final = group("Endpoints: whom to tell, and of what.")
DAY_SECONDS: Final = 86_400
LIFE_SECONDS: Final = int(WEBHOOK_TIME_TO_LIVE.total_seconds())
LONGEST_LIFE_SECONDS: Final = 30 * DAY_SECONDS

TokenOption = Annotated[
    list[str] | None, typer.Option(help="An id or a symbol; give several. None is all.")
]
KindOption = Annotated[list[Kind] | None, typer.Option(help="Both, if none is given.")]
TypeOption = Annotated[
    list[str] | None, typer.Option("--type", help="Upgrades and downgrades, if none is given.")
]
RateOption = Annotated[
    float | None, typer.Option(min=LEAST_RATE, max=MOST_RATE, help="Sends per second.")
]
LifeOption = Annotated[
    int, typer.Option(min=60, max=LONGEST_LIFE_SECONDS, help="How long news is news.")
]
ScheduleOption = Annotated[
    str | None, typer.Option(metavar="0,5,…", help="Seconds before each attempt, of its own.")
]
HeaderOption = Annotated[
    list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Sent along; kept encrypted.")
]
EndpointArgument = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, ep_….")]


@command(endpoints, "add", example="gradebell endpoint add https://example.com/hook --token ETH")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send; https.")],
    *,
    token: TokenOption = None,
    kind: KindOption = None,
    event_type: TypeOption = None,
    min_notches: Annotated[int, typer.Option(min=1, max=20, help="Bands to be crossed.")] = 1,
    min_delta: Annotated[float, typer.Option(min=0, max=100, help="Points to move by.")] = 0,
    description: str = "",
    order: Annotated[Order, typer.Option(help="Of news about one token and kind.")] = Order.NONE,
    rate_limit: RateOption = None,
    time_to_live_seconds: LifeOption = LIFE_SECONDS,
    retry_schedule: ScheduleOption = None,
    header: HeaderOption = None,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Tell a URL of changes from now on; prints its signing secret, this once."""
    wish = Wish(
        description=description,
        wanted=Filter(
            kinds=frozenset(kind or Kind),
            types=_types(event_type),
            min_notches=min_notches,
            min_delta=round(min_delta * 100),
        ),
        tokens=token or None,
        rate_limit=rate_limit,
        order=order,
        time_to_live=timedelta(seconds=time_to_live_seconds),
        retry_schedule_seconds=_schedule(retry_schedule),
        headers=dict(map(_header, header or [])),
    )

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        made = await desk.create_webhook(app_id, url, wish, desk=services.desk)
        await _say_made(services, made, as_json=as_json)

    run(work)


async def _say_made(services: Services, made: Made, *, as_json: bool) -> None:
    secret = format_secret(made.secret)
    line = f"{made.endpoint.id} is made. Its signing secret, shown this once:\n{secret}"
    shown = await shown_of(services, made.endpoint)
    said(line, shown | {"secret": secret}, as_json=as_json)


def _schedule(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        waits = tuple(float(part) for part in text.split(","))
    except ValueError:
        waits = ()
    if not waits or waits[0] or not all(0 <= wait <= LONGEST_LIFE_SECONDS for wait in waits):
        raise InvalidInput("--retry-schedule", "must be seconds from 0 on, such as 0,5,300")
    return waits


@command(endpoints, "list", example="gradebell endpoint list --app house")
def list_(
    *,
    app: AppOption = HOUSE,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List an app's endpoints; the table leaves out what a URL's path may hold."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            found = await list_endpoints(tx, app_id=app_id, before=before, limit=limit)
        views = await view_endpoints(services, found)
        shown = [view.model_dump(mode="json") for view in views]
        if not as_json:
            shown = [_line(view) for view in shown]
        columns = ("id", "channel", "to", "state", "breaker", "success", "tokens", "kinds", "types")
        rows(
            shown, as_json=as_json, columns=(*columns, "description"), empty="There is no endpoint."
        )

    run(work)


@command(endpoints, "show", example="gradebell endpoint show ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def show(
    endpoint: EndpointArgument, *, app: AppOption = HOUSE, as_json: JsonOption = False
) -> None:
    """Show one endpoint and how it does; what a URL's path may hold is left out of the text."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            record = await find_endpoint(tx, endpoint, app_id=app_id)
        if record is None:
            raise NotFound("endpoint", endpoint)
        shown = await shown_of(services, record)
        if not as_json:
            health = {f"health {name}": value for name, value in shown.pop("health").items()}
            shown = {**shown, **health, "url": masked(shown["url"]) if shown["url"] else None}
        fields(shown, as_json=as_json)

    run(work)


async def shown_of(services: Services, record: EndpointRecord) -> dict[str, Any]:
    """An endpoint in the shape that the API gives it."""
    return (await view_endpoint(services, record)).model_dump(mode="json")


def _line(view: dict[str, Any]) -> dict[str, Any]:
    wanted = view["filter"]
    tokens = wanted["tokens"]
    return {
        **view,
        "to": masked(view["url"]) if view["url"] else "unreadable" if view["problem"] else None,
        "breaker": view["health"]["state"],
        "success": _percent(view["health"]["success_share"]),
        "tokens": "all" if tokens is None else tokens[0] if len(tokens) == 1 else len(tokens),
        "kinds": wanted["kinds"],
        "types": [name.partition(".")[2] for name in wanted["types"]],
    }


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _types(names: list[str] | None) -> frozenset[EventType]:
    if not names:
        return DEFAULT_TYPES
    known = {event_type.value: event_type for event_type in SUBSCRIBABLE}
    for name in names:
        if name not in known:
            raise InvalidInput("filter.types", f"must be of {', '.join(known)}, not {name!a}")
    return frozenset(known[name] for name in names)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        # The text is not repeated: it may be a secret.
        raise InvalidInput("headers", "is written 'NAME: VALUE'")
    return name.strip(), value.strip()
