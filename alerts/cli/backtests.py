"""`gradebell endpoint backtest`: what an endpoint would have been sent."""

import re
import sys
from datetime import timedelta
from html import unescape
from typing import Annotated, Any, Final

import typer

from alerts.bootstrap import Services
from alerts.cli.actions import endpoints
from alerts.cli.endpoints import EndpointArgument
from alerts.cli.frame import HOUSE, AppOption, JsonOption, LimitOption, app_id_of, command, run
from alerts.cli.show import fields, rows
from alerts.cli.wording import plural
from alerts.domain.events import rfc3339
from alerts.pipeline.backtest import MOST_DAYS, Backtest, backtest, existing

__all__ = ["endpoints"]

STEPS: Final = 1000
# Of a message on Telegram, where all else of that kind is escaped.
_TAG: Final = re.compile(r"<[^>]+>")
DaysOption = Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How far back.")]


@command(endpoints, "backtest", example="gradebell endpoint backtest ep_01kahfzv5n9k3t1x7b8c2d4e6f")
def backtest_(
    endpoint: EndpointArgument,
    *,
    days: DaysOption = 90,
    limit: LimitOption = 50,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Say what an endpoint would have been sent, had it been all the time as it is now.

    Of what was recorded, with its quiet hours, cooldown and order; every send arrives, and mutes,
    pauses and digests are left out. What thresholds and windows tell is made of the grades'
    history. JSON has the messages whole.
    """

    async def work(services: Services) -> None:
        from alerts.api.backtests import view_messages  # noqa: PLC0415 - reads all of the API's framework.

        app_id = await app_id_of(services, app)
        asked = await existing(endpoint, app_id=app_id, store=services.store)
        async with services.store.read() as tx:
            until = await tx.now()
        since = until - timedelta(days=days)
        hidden = not sys.stderr.isatty()
        with typer.progressbar(
            length=STEPS, label="Backtest", hidden=hidden, file=sys.stderr
        ) as bar:

            def progress(share: float) -> None:
                bar.update(int(share * STEPS) - bar.pos)

            found = await backtest(
                asked,
                since=since,
                until=until,
                store=services.store,
                ladder=services.ladder,
                newest=limit,
                progress=progress,
            )
        views = await view_messages(reversed(found.messages), asked, found, services=services)
        _show(found, [view.model_dump(mode="json") for view in views], as_json=as_json)

    run(work)


def _show(found: Backtest, messages: list[dict[str, Any]], *, as_json: bool) -> None:
    sums = {
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "events": found.events,
        "matched": found.matched,
        "messages": found.sent,
        "ended": dict(found.ended),
        "waiting": found.waiting,
    }
    if as_json:
        fields({**sums, "data": messages}, as_json=True)
        return
    lines = [
        {**one, "events": len(one["events"]), "says": _headline(one["message"])} for one in messages
    ]
    columns = ("at", "events", "deferred_reason", "says")
    rows(lines, as_json=False, columns=columns, empty="It would have been sent nothing.")
    ended = "".join(f", {many:,} {reason}" for reason, many in sorted(found.ended.items()))
    typer.echo(
        f"{plural(found.sent, 'message')} of {plural(found.matched, 'matched event')}"
        f"{ended}, {found.waiting:,} waiting; {found.events:,} were recorded."
    )


def _headline(message: dict[str, Any]) -> str:
    """The first line of a message; of a webhook what it tells."""
    if "embeds" in message:
        return str(message["embeds"][0].get("title", ""))
    if "text" in message:
        return unescape(_TAG.sub("", str(message["text"]).partition("\n")[0]))
    token = message.get("data", {}).get("token") or {}
    return f"{message.get('type', '')} {token.get('symbol', '')}".strip()
