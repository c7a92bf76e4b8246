"""`gradebell event list`: what happened, and under which ids."""

from typing import Annotated, Any, Final

import msgspec
import typer

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
    run,
)
from alerts.cli.log import KindOption, TokenOption
from alerts.cli.show import rows
from alerts.cli.wording import headline
from alerts.domain.events import EventType
from alerts.errors import InvalidInput
from alerts.pipeline.naming import resolve_token
from alerts.store.engine import Transaction
from alerts.store.events import find_event, newest_events

events: Final = group("Events: what happened, whether anybody was told or not.")

TypeOption = Annotated[EventType | None, typer.Option("--type", help="Such as grade.upgraded.")]


@command(events, "list", example="gradebell event list --token ETH")
def list_(
    *,
    event_type: TypeOption = None,
    token: TokenOption = None,
    kind: KindOption = None,
    app: AppOption = HOUSE,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List events, the newest first; `gradebell endpoint explain` says who was told of one."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            found = await newest_events(
                tx,
                before=None if before is None else await _number_of(tx, before, app_id),
                limit=limit,
                app_id=app_id,
                event_type=event_type,
                token=None if token is None else await resolve_token(tx, token),
                kind=kind,
            )
        shown = [msgspec.json.decode(record.body) for record in found]
        if not as_json:
            shown = [_line(payload) for payload in shown]
        columns = ("id", "recorded_at", "type", "token", "kind", "what")
        rows(shown, as_json=as_json, columns=columns, empty="There is no event.")

    run(work)


def _line(payload: dict[str, Any]) -> dict[str, Any]:
    facts = payload["data"]
    token = facts.get("token")
    return {
        **payload,
        "token": None if token is None else token["id"],
        "kind": facts.get("kind"),
        "what": " ".join(headline(payload).plain.split()),
    }


async def _number_of(tx: Transaction, event_id: str, app_id: str) -> int:
    """An event's number. Raises InvalidInput."""
    record = await find_event(tx, event_id, app_id=app_id)
    if record is None:
        raise InvalidInput("before", f"there is no event {event_id!a}")
    return record.sequence
