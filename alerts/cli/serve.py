"""`gradebell api`, `sandbox`, `listen`: commands that run until they are asked to end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from alerts import telemetry
from alerts.bootstrap import Services, SystemClock, forget_startup
from alerts.channels.signing import parse_secret
from alerts.cli.frame import command, opened, run_loop, stopped_by_signals
from alerts.cli.receiver import Receipt, open_receiver
from alerts.cli.wording import headline, printable
from alerts.errors import InvalidInput, SettingsInvalid
from alerts.serving import open_server
from alerts.settings import load_settings

LISTEN_PORT: Final = 9000
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared with.


@asynccontextmanager
async def open_api(services: Services) -> AsyncIterator[str]:
    """Serve the API where the settings say; the value is the URL to reach it by from here.

    Raises SettingsInvalid when host or port cannot be had.
    """
    from alerts.api.app import create_app  # noqa: PLC0415 - reads all of the API's framework.

    host, port = services.settings.host, services.settings.port
    is_open = False
    try:
        async with open_server(create_app(services), host=host, port=port):
            is_open = True
            shown = _EVERYWHERE.get(host, host)
            yield f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    except InvalidInput as error:
        if is_open:
            raise
        problem = f"GRADEBELL_PORT: {error.problem}; set another one, or another GRADEBELL_HOST"
        raise SettingsInvalid(problem) from None


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "api", example="gradebell api")(api)
    command(app, "listen", example="gradebell listen --port 9000 --secret whsec_…")(listen)


def api() -> None:
    """Answer the HTTP API at GRADEBELL_HOST and GRADEBELL_PORT; runs no jobs, sends nothing."""

    async def serve() -> None:
        settings = load_settings()
        telemetry.configure(settings.log_format, settings.log_level)
        stop = stopped_by_signals()
        async with opened(settings) as services, open_api(services) as url:
            forget_startup()
            telemetry.emit(telemetry.Step.API_STARTED, url=url)
            await stop.wait()

    run_loop(serve())


def listen(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = LISTEN_PORT,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="The endpoint's secret, whsec_…; give two while rotating."),
    ] = None,
) -> None:
    """Receive webhooks on loopback, verify their signatures and print them.

    GRADEBELL_TRUSTED_DESTINATIONS must name this address, and HTTP is then allowed to it.
    """
    secrets = [parse_secret(text) for text in secret or []]
    console = Console(soft_wrap=True, highlight=False)

    async def serve() -> None:
        stop = stopped_by_signals()

        def tell(receipt: Receipt) -> None:
            console.print(_received(receipt))

        async with open_receiver(secrets, port=port, clock=SystemClock(), tell=tell) as receiver:
            console.print(f"Listening on {receiver.url}; Ctrl-C ends it.")
            if not secrets:
                console.print("Without --secret, signatures are not verified.")
            await stop.wait()

    run_loop(serve())


def _received(receipt: Receipt) -> Text:
    if receipt.problem is not None:
        mark = Text.assemble(("✗ refused", "red"), f": {receipt.problem}")
    else:
        mark = Text.assemble(("✓ verified", "green") if receipt.verified else "not verified")
    line = Text.assemble((f"{receipt.at:%H:%M:%S}", "dim"), " ", mark)
    if receipt.payload is not None:
        with suppress(LookupError, TypeError, AttributeError):  # it may be anybody's
            line = Text.assemble(line, "  ", headline(receipt.payload))
    return line.append(f"  {printable(receipt.message_id)}", "dim")
