"""`gradebell replay`: what an endpoint missed or failed to take is sent again."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from alerts.api.schemas.replays import Replay
from alerts.bootstrap import Services
from alerts.cli.frame import HOUSE, AppOption, JsonOption, app_id_of, command, read_time, run
from alerts.cli.log import with_hold
from alerts.cli.show import said
from alerts.cli.wording import plural
from alerts.pipeline.replay import Wanted, count_replayable
from alerts.pipeline.replay import replay as send_again
from alerts.store.replays import ReplayRecord, ReplayState, find_replay, read_progress

# Between two looks at how far it has come.
LOOK_SECONDS: Final = 0.25


def add_to(app: typer.Typer) -> None:
    """Add the command, which stands by itself."""
    example = "gradebell replay ep_01kahfzv5n9k3t1x7b8c2d4e6f --since 2026-11-01 --dry-run"
    command(app, "replay", example=example)(replay)


def replay(
    endpoint: Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, ep_….")],
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339, or a date.")],
    until: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    only: Annotated[str | None, typer.Option(help="failed, or missing; both if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and no more.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show how far a worker has come, up to the end.")
    ] = False,
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Send an endpoint again what it missed or failed to take; what is new goes first."""
    wanted = Wanted(
        since=read_time(since, field="since"),
        until=None if until is None else read_time(until, field="until"),
        only=only,
    )

    async def work(services: Services) -> None:
        app_id, store = await app_id_of(services, app), services.store
        if dry_run:
            count = await count_replayable(endpoint, wanted, app_id=app_id, store=store)
            found = {"count": count, "dry_run": True}
            said(f"{plural(count, 'delivery')} would be sent again.", found, as_json=as_json)
            return
        waker = services.waker
        record = await send_again(endpoint, wanted, app_id=app_id, store=store, waker=waker)
        line = f"{plural(record.total, 'delivery')} to be sent again."
        if wait:
            if not as_json:
                typer.echo(await with_hold(services, record.endpoint_id, line))
            await _watch(services, record)
        shown = await _shown(services, record)
        if wait:
            line = f"{shown.delivered} were delivered, {shown.failed} failed once more."
        found = {"dry_run": False, **shown.model_dump(mode="json")}
        said(line, found, as_json=as_json)

    run(work)


async def _watch(services: Services, record: ReplayRecord) -> None:
    """A bar on standard error, until nothing of the replay waits."""
    columns = (TextColumn("sent again"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=record.total)
        while True:
            shown = await _shown(services, record)
            bar.update(task, completed=record.total - shown.waiting)
            if shown.state is not ReplayState.RUNNING:
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _shown(services: Services, record: ReplayRecord) -> Replay:
    async with services.store.read() as tx:
        (progress,) = await read_progress(tx, [await find_replay(tx, record.id) or record])
    return Replay.of(progress)
