"""All commands that need no worker, under one word."""

from typing import Annotated, Final

import typer

from alerts import __version__
from alerts.cli import backtests, deliveries, log, operate, replays, sandbox, serve
from alerts.cli.access import apps, keys
from alerts.cli.bots import bots
from alerts.cli.cycles import cycles
from alerts.cli.digests import digests
from alerts.cli.events import events
from alerts.cli.frame import Frame
from alerts.cli.sources import sources


def _say_version(is_asked: bool) -> None:  # noqa: FBT001 - typer's own signature.
    if is_asked:
        typer.echo(f"gradebell {__version__}")
        raise typer.Exit


app: Final = typer.Typer(
    cls=Frame,
    help="Gradebell: tells apps and people when a crypto token's grade changes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def start(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="Say which one it is."
        ),
    ] = False,
) -> None:
    """Take what comes before the command."""


serve.add_to(app)
sandbox.add_to(app)
app.add_typer(operate.databases, name="db")
operate.add_to(app)
app.add_typer(sources, name="source")
app.add_typer(cycles, name="cycle")
app.add_typer(events, name="event")
app.add_typer(digests, name="digest")
app.add_typer(backtests.endpoints, name="endpoint")
app.add_typer(log.deliveries, name="delivery")
deliveries.add_to(app)
replays.add_to(app)
app.add_typer(apps, name="app")
app.add_typer(keys, name="key")
app.add_typer(bots, name="bot")
