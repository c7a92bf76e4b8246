"""The `gradebell` command: all that `alerts` offers, and what runs workers."""

import sys
from typing import Annotated

import typer

from alerts.cli.app import app
from alerts.cli.frame import command, run_loop
from workers import lean
from workers.terminal import Paper
from workers.up import DAY_SECONDS, run_up

__all__ = ["app", "main"]


@command(app, "up", example="gradebell up --day-seconds 10")
def up(
    *,
    day_seconds: Annotated[
        float, typer.Option(min=2, help="Real seconds that a day of the sandbox lasts.")
    ] = DAY_SECONDS,
) -> None:
    """Run the whole service here: API, worker, sandbox grades and a sample receiver.

    The bots on Discord and Telegram, too, where there is a token for them. Makes what is missing:
    the keys in .env, the database's tables. Ctrl-C ends it.
    """
    _speak_any_encoding()
    run_loop(run_up(Paper(), day_seconds=day_seconds))


lean.add_to(app)


def main() -> None:
    """The console script."""
    app(prog_name="gradebell")


def _speak_any_encoding() -> None:
    """A terminal that knows no ▲ gets a ? for it."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
