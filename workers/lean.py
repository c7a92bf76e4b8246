"""`gradebell worker`, read without the other commands.

What a process has read stays in its memory for as long as it runs, and the API, which the other
commands speak for, is a fifth of that: 106 MB instead of 127 before anything is sent.
"""

from typing import Final

import typer

from alerts import telemetry
from alerts.cli.frame import Frame, command, run_loop, stopped_by_signals
from alerts.settings import load_settings
from workers.worker import run_worker

lean: Final = typer.Typer(cls=Frame, pretty_exceptions_enable=False, add_completion=False)


@lean.callback()
def start() -> None:
    """Take what comes before the command: nothing."""


def worker() -> None:
    """Poll, fan out and deliver, until SIGINT or SIGTERM; run as many as you like.

    With GRADEBELL_REDIS_URL workers share one clock and wake each other.
    """

    async def whole() -> None:
        settings = load_settings()
        telemetry.configure(settings.log_format, settings.log_level)
        await run_worker(settings, stopped_by_signals())

    run_loop(whole())


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    command(app, "worker", example="gradebell worker")(worker)


add_to(lean)


def main() -> None:
    """The console script, where its words are `worker` and no other."""
    lean(prog_name="gradebell")
