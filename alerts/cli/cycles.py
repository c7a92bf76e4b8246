"""`gradebell cycle …`: what was swept, imported or held."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alerts.api.schemas.cycles import Cycle as ShownCycle
from alerts.bootstrap import Services
from alerts.cli.frame import BeforeOption, Failed, JsonOption, LimitOption, command, group, run
from alerts.cli.show import fields, rows, said
from alerts.cli.sources import OPERATOR
from alerts.cli.sweeping import Sweeping
from alerts.cli.wording import day, plural
from alerts.domain.grades import Cycle, Kind, SourceName, source_name
from alerts.domain.meanings import MEANINGS
from alerts.domain.ratings import HoldReason
from alerts.domain.readings import RejectedRow
from alerts.errors import InvalidInput
from alerts.pipeline.diff import diff_at_once, diff_cycle
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.release import discard as discard_cycle
from alerts.pipeline.release import release as release_cycle
from alerts.sources.file import STANDARD_INPUT, FileReading, read_file
from alerts.store.cycles import CycleRecord, CycleState, Origin, list_cycles
from alerts.store.events import count_types

cycles: Final = group("Cycles: one sweep of one kind from one source.")
# Lines of a file that are named when they cannot be read; the rest is counted.
NAMED_LINES: Final = 20

CycleArgument = Annotated[str, typer.Argument(metavar="ID", help="The cycle's id, cyc_….")]


@command(cycles, "run", example="gradebell cycle run --kind trader")
def run_(
    *,
    kind: Annotated[Kind | None, typer.Option(help="Both, if none is given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sweep what is due now, to the last page, and owe everybody what changed."""

    async def work(services: Services) -> None:
        sweeping = Sweeping(services, say=_aside)
        swept: list[str] = []
        for each in [kind] if kind is not None else list(Kind):
            swept += await sweeping.sweep(each)
        found = [
            await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
            for cycle_id in swept
        ]
        await _finish(services, found, as_json=as_json)

    run(work)


@command(cycles, "import", example="gradebell cycle import grades.csv --source my_models")
def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV with a header, or NDJSON; - is standard input."),
    ],
    *,
    source: Annotated[str, typer.Option(metavar="NAME", help="Whose grades they are.")],
    complete: Annotated[
        bool,
        typer.Option("--complete/--partial", help="Whether a token's absence means anything."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take cycles from a file, one for each kind and date, the oldest first.

    Columns: kind, as_of, token_id, symbol, name, score, class, components; in CSV components may
    be columns of their own, component.NAME. A line that cannot be read is left out and named.
    """
    name = source_name(source)
    _check_input(file)

    async def work(services: Services) -> None:
        if services.plan is not None and services.plan.source.name == name:
            problem = f"{name} is polled; give the file's grades another source"
            raise InvalidInput("source", problem)
        reading = await _read(file, name, services.clock.now())
        _name_lines(reading)
        if not reading.grades:
            left_out = plural(reading.rejected_count, "line")
            told = f"{left_out} left out" if reading.rejected_count else "it holds no grades"
            raise Failed(f"{_named(file)}: nothing is imported; {told}")
        found = [
            await diff_at_once(
                cycle,
                origin=Origin.FILE,
                rejected=rejected,
                store=services.store,
                ladder=services.ladder,
                waker=services.waker,
            )
            for cycle, rejected in _parts(reading, name, complete=complete)
        ]
        await _finish(services, found, rejected=reading.rejected_count, as_json=as_json)

    run(work)


@command(cycles, "list", example="gradebell cycle list --state held")
def list_(
    *,
    source: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    kind: Annotated[Kind | None, typer.Option()] = None,
    state: Annotated[CycleState | None, typer.Option()] = None,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List cycles, newest first."""

    async def work(services: Services) -> None:
        async with services.store.read() as tx:
            found = await list_cycles(
                tx, before=before, limit=limit, source=source, kind=kind, state=state
            )
        _list([_shown(record) for record in found], as_json=as_json)

    run(work)


@command(cycles, "show", example="gradebell cycle show cyc_01kahg3c8p3d8v6zj4m2q9w7xs")
def show(cycle: CycleArgument, *, as_json: JsonOption = False) -> None:
    """Show one cycle with the rows it left out, and what its hold reason means."""

    async def work(services: Services) -> None:
        from alerts.api.routes.cycles import show_cycle  # noqa: PLC0415 - reads all of the API's framework.

        detail = await show_cycle(cycle, OPERATOR, services)
        reason = detail.hold_reason
        meaning = None if reason is None else MEANINGS[HoldReason][reason]
        told = detail.model_dump(mode="json")
        if as_json:
            fields(told | {"meaning": None if meaning is None else asdict(meaning)}, as_json=True)
            return
        rejected = told.pop("rejected")
        fields(told, as_json=False)
        if meaning is not None:
            typer.echo(f"\n{reason}: {meaning.means}\n{meaning.mends}")
        if rejected:
            typer.echo()
            rows(rejected, as_json=False, columns=("row", "token_id", "problem"), empty="")

    run(work)


@command(cycles, "release", example="gradebell cycle release cyc_01kahg3c8p3d8v6zj4m2q9w7xs")
def release(cycle: CycleArgument, *, as_json: JsonOption = False) -> None:
    """Believe a held cycle after all: what it changes is told."""

    async def work(services: Services) -> None:
        record = await release_cycle(cycle, store=services.store, ladder=services.ladder)
        await fan_out_events(store=services.store, waker=services.waker)
        line = f"{cycle} is believed; {plural(record.events, 'event')}."
        said(line, _shown(record), as_json=as_json)

    run(work)


@command(cycles, "discard", example="gradebell cycle discard cyc_01kahg3c8p3d8v6zj4m2q9w7xs")
def discard(cycle: CycleArgument, *, as_json: JsonOption = False) -> None:
    """Drop a held cycle for good."""

    async def work(services: Services) -> None:
        record = await discard_cycle(cycle, store=services.store)
        said(f"{cycle} is discarded.", _shown(record), as_json=as_json)

    run(work)


def _check_input(file: Path) -> None:
    if file == STANDARD_INPUT and (sys.stdin is None or sys.stdin.isatty()):
        problem = "- reads standard input, and nothing is piped into it: `… < grades.csv` does that"
        raise InvalidInput("file", problem)


async def _read(file: Path, source: SourceName, now: datetime) -> FileReading:
    with _progress() as bar:
        task = bar.add_task(f"Reading {_named(file)}", total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=None if file == STANDARD_INPUT else total)

        return await asyncio.to_thread(read_file, file, source=source, latest=now, progress=told)


def _named(file: Path) -> str:
    return "standard input" if file == STANDARD_INPUT else file.name


def _parts(
    reading: FileReading, source: SourceName, *, complete: bool
) -> Iterator[tuple[Cycle, tuple[RejectedRow, ...]]]:
    """The cycles of a file. Lines left out have no date to trust: they go with the last."""
    last = len(reading.grades)
    for number, (key, grades) in enumerate(reading.grades.items(), start=1):
        rejected = reading.rejected if number == last else ()
        yield Cycle(source, *key, complete, grades, reading.unread[key]), rejected


async def _finish(
    services: Services, found: list[CycleRecord], *, rejected: int | None = None, as_json: bool
) -> None:
    """Fan out, and say what each cycle came to, and all of them."""
    deliveries = await fan_out_events(store=services.store, waker=services.waker)
    shown: list[dict[str, Any]] = []
    totals: Counter[str] = Counter()
    for record in found:
        async with services.store.read() as tx:
            types = {str(name): count for name, count in (await count_types(tx, record.id)).items()}
        totals.update(types)
        shown.append(_shown(record) | {"types": types})
    if as_json:
        sums = {"events": dict(totals), "rejected": rejected or 0, "deliveries": deliveries}
        fields({"data": shown, **sums}, as_json=True)
        return
    _list(shown, as_json=False)
    counted = ", ".join(f"{count} {name}" for name, count in totals.most_common()) or "no events"
    told = f"{plural(len(found), 'cycle')}: {counted}; "
    owed = plural(deliveries, "delivery")
    left_out = "" if rejected is None else f"; {plural(rejected, 'line')} left out"
    typer.echo(f"{told}{owed} owed{left_out}.")


def _name_lines(reading: FileReading) -> None:
    for row in reading.rejected[:NAMED_LINES]:
        _aside(f"line {row.row} is left out: {row.problem}")
    unnamed = reading.rejected_count - min(len(reading.rejected), NAMED_LINES)
    if unnamed:
        _aside(f"{unnamed} more lines are left out")


def _list(shown: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    found = list(shown)
    if not as_json:
        found = [view | {"as_of": day(datetime.fromisoformat(view["as_of"]))} for view in found]
    columns = ("id", "source", "kind", "as_of", "state", "hold_reason", "tokens", "events")
    rows(found, as_json=as_json, columns=columns, empty="There is no cycle.")


def _shown(record: CycleRecord) -> dict[str, Any]:
    """A cycle in the shape that the API gives it."""
    return ShownCycle.of(record).model_dump(mode="json")


def _aside(line: str) -> None:
    """What is no result: to standard error."""
    typer.echo(line, err=True)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield bar
