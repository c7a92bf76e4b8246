"""`gradebell digest …`: the weeks that endpoints are told."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from alerts.bootstrap import Services
from alerts.cli.frame import JsonOption, command, group, read_time, run
from alerts.cli.show import rows
from alerts.errors import InvalidInput

digests: Final = group("Digests: the net changes of an endpoint's local week.")
# The next one of any endpoint is no farther.
_AHEAD: Final = timedelta(days=8)
_COLUMNS: Final = ("endpoint_id", "period", "weeks", "event_id")


@command(digests, "run", example="gradebell digest run --at 2026-11-23T08:00:00Z")
def run_(
    *,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="ISO", help="What is due then, 8 days ahead at most; now if left out."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up every week that is due, and owe it to its endpoint; a worker then sends it.

    A worker does this by itself, every ten seconds. A week is told once, whoever comes first; one
    in which nothing changed is remembered, and told only to who wants to hear of it.
    """

    async def work(services: Services) -> None:
        moment = None if at is None else _moment(at, now=services.clock.now())
        digest_run = services.digest_run(at=moment)
        records = [await digest_run.tell(endpoint_id) for endpoint_id in await digest_run.due()]
        found = [asdict(record) for record in records if record is not None]
        rows(found, as_json=as_json, columns=_COLUMNS, empty="No digest is due.")

    run(work)


def _moment(at: str, *, now: datetime) -> datetime:
    """All weeks till then count as told: with a year that is mistyped none would be for years.

    Raises InvalidInput.
    """
    moment = read_time(at, field="--at")
    if moment > now + _AHEAD:
        raise InvalidInput("--at", f"is more than {_AHEAD.days} days ahead: {at!a}")
    return moment
