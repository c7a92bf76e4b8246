"""`gradebell digest …`: the weeks that endpoints are told."""

from dataclasses import asdict
from typing import Annotated, Final

import typer

from alerts.bootstrap import Services
from alerts.cli.frame import JsonOption, command, group, read_time, run
from alerts.cli.show import rows

digests: Final = group("Digests: the net changes of an endpoint's local week.")
_COLUMNS: Final = ("endpoint_id", "period", "weeks", "event_id")


@command(digests, "run", example="gradebell digest run --at 2026-11-23T08:00:00Z")
def run_(
    *,
    at: Annotated[
        str | None, typer.Option(metavar="ISO", help="What is due then; now, if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up every week that is due, and owe it to its endpoint; a worker then sends it.

    A worker does this by itself, every ten seconds. A week is told once, whoever comes first; one
    in which nothing changed is remembered, and told only to who wants to hear of it.
    """

    async def work(services: Services) -> None:
        moment = None if at is None else read_time(at, field="--at")
        digest_run = services.digest_run(at=moment)
        records = [await digest_run.tell(endpoint_id) for endpoint_id in await digest_run.due()]
        found = [asdict(record) for record in records if record is not None]
        rows(found, as_json=as_json, columns=_COLUMNS, empty="No digest is due.")

    run(work)
