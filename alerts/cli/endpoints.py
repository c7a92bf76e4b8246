"""`gradebell endpoint add`, `list` and `show`: whom to tell."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from alerts.api.changes import digest_tokens
from alerts.api.schemas.awaited import AwaitedEndpoint
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
from alerts.cli.wishes import (
    DigestOption,
    GivenOption,
    QuietOption,
    RoleOption,
    WhenOption,
    channel_of,
    digest_of,
    wanted_of,
)
from alerts.domain.deliveries import Channel, Order
from alerts.domain.events import SUBSCRIBABLE, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import DEFAULT_TYPES
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline import endpoints as desk
from alerts.pipeline.chats import ask_for_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.pace import LEAST_RATE, MOST_RATE
from alerts.store.endpoints import EndpointRecord, find_endpoint, list_endpoints

endpoints: Final = group("Endpoints: whom to tell, and of what.")
DAY_SECONDS: Final = 86_400
LONGEST_LIFE_SECONDS: Final = 30 * DAY_SECONDS

TokenOption = Annotated[
    list[str] | None, typer.Option(help="An id or a symbol; give several. None is all.")
]
KindOption = Annotated[list[Kind] | None, typer.Option(help="Both, if none is given.")]
_NONE: Final = "none"
TypeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="Upgrades and downgrades, if it is not given; none: --when and --digest alone.",
    ),
]
RateOption = Annotated[
    float | None, typer.Option(min=LEAST_RATE, max=MOST_RATE, help="Sends per second.")
]
LifeOption = Annotated[
    int | None, typer.Option(min=60, max=LONGEST_LIFE_SECONDS, help="How long news is news.")
]
ScheduleOption = Annotated[
    str | None, typer.Option(metavar="0,5,…", help="Seconds before each attempt, of its own.")
]
HeaderOption = Annotated[
    list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Sent along; kept encrypted.")
]
NotchesOption = Annotated[int, typer.Option(min=1, max=20, help="Bands to be crossed.")]
PointsOption = Annotated[float, typer.Option(min=0, max=100, help="Points to move by.")]
OrderOption = Annotated[
    Order | None,
    typer.Option(help="Of news about one token: strict, the older first; latest, the newest only."),
]
CooldownOption = Annotated[
    int | None,
    typer.Option(min=1, max=2_592_000, help="Nothing more of a token and kind for so long."),
]
WhereArgument = Annotated[
    list[str], typer.Argument(metavar="[discord] URL | telegram", help="Where to send; https.")
]
EndpointArgument = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, ep_….")]


@command(endpoints, "add", example="gradebell endpoint add https://example.com/hook --token ETH")
def add(
    where: WhereArgument,
    *,
    token: TokenOption = None,
    kind: KindOption = None,
    event_type: TypeOption = None,
    min_notches: NotchesOption = 1,
    min_delta: PointsOption = 0,
    when: WhenOption = None,
    given: GivenOption = None,
    digest: DigestOption = None,
    role: RoleOption = None,
    say_when_empty: QuietOption = False,
    description: str = "",
    order: OrderOption = None,
    rate_limit: RateOption = None,
    time_to_live_seconds: LifeOption = None,
    retry_schedule: ScheduleOption = None,
    cooldown_seconds: CooldownOption = None,
    header: HeaderOption = None,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Tell a URL of changes from now on; prints its signing secret, this once.

    `add discord URL` takes the URL of a channel's incoming webhook, which signs
    nothing; there, --digest without --type is the digest alone. `add telegram` prints
    a link, and the chat that opens it is told.
    """
    place = channel_of(where)
    week = digest_of(digest, kinds=kind, min_notches=min_notches, role=role, says_so=say_when_empty)
    is_digest_alone = week is not None and place[0] is Channel.DISCORD and not event_type
    types = frozenset() if is_digest_alone else _types(event_type)
    wish = Wish(
        description=description,
        wanted=wanted_of(kind, types, sizes=(min_notches, min_delta), when=when, given=given),
        tokens=token or None,
        digest=week,
        rate_limit=rate_limit,
        order=order,
        time_to_live=_life(time_to_live_seconds),
        retry_schedule_seconds=_schedule(retry_schedule),
        cooldown_seconds=cooldown_seconds,
        headers=dict(map(_header, header or [])),
    )
    run(lambda services: _add(services, app, place, wish=wish, as_json=as_json))


async def _add(
    services: Services, app: str, place: tuple[Channel, str], *, wish: Wish, as_json: bool
) -> None:
    app_id = await app_id_of(services, app)
    channel, url = place
    if wish.digest is not None:
        tokens = await digest_tokens(wish.tokens, services.store)
        wish = replace(wish, digest={**wish.digest, "tokens": tokens})
    if channel is Channel.TELEGRAM:
        link = await ask_for_chat(app_id, wish, desk=services.desk)
        line = f"Whoever opens this in Telegram, within 10 minutes, is told:\n{link.url}"
        said(line, AwaitedEndpoint.of(link).model_dump(mode="json"), as_json=as_json)
        return
    if channel is Channel.DISCORD:
        address = await services.desk.vet_discord(url)
        record = await desk.create_discord(app_id, address, wish, desk=services.desk)
        line = f"{record.id} is made; `gradebell endpoint test {record.id}` tries it."
        said(line, await shown_of(services, record), as_json=as_json)
        return
    made = await desk.create_webhook(app_id, url, wish, desk=services.desk)
    secret = format_secret(made.secret)
    line = f"{made.endpoint.id} is made. Its signing secret, shown this once:\n{secret}"
    shown = await shown_of(services, made.endpoint)
    said(line, shown | {"secret": secret}, as_json=as_json)


def _life(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


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
        "types": [*(name.partition(".")[2] for name in wanted["types"]), *_ruled(wanted)],
    }


def _ruled(wanted: dict[str, Any]) -> list[str]:
    """What a filter's rules tell besides its types, by the same words."""
    sides = {"rose": "rise", "fell": "fall"}
    moves = [
        told
        for told, side in sides.items()
        if any(each[side] is not None for each in wanted["windows"])
    ]
    return ["crossed", *moves] if wanted["thresholds"] else moves


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _types(names: list[str] | None) -> frozenset[EventType]:
    if not names:
        return DEFAULT_TYPES
    if names == [_NONE]:
        return frozenset()
    known = {event_type.value: event_type for event_type in SUBSCRIBABLE}
    for name in names:
        if name not in known:
            raise InvalidInput(
                "filter.types", f"must be of {', '.join(known)}, or {_NONE} alone, not {name!a}"
            )
    return frozenset(known[name] for name in names)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        # The text is not repeated: it may be a secret.
        raise InvalidInput("headers", "is written 'NAME: VALUE'")
    return name.strip(), value.strip()
