"""All commands that need no worker, under one word."""

from typing import Final

import typer

from alerts.cli import serve
from alerts.cli.frame import Frame

app: Final = typer.Typer(
    cls=Frame,
    help="Gradebell: tells apps and people when a crypto token's grade changes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
serve.add_to(app)
