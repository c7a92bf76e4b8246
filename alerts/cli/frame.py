"""What all commands share: services, exit codes, and errors on one line.

Exit codes: 0 done, 1 failed, 2 misused.
"""

import asyncio
import gc
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import typer
import uvloop
from typer.core import TyperGroup
from typer.exceptions import TyperException

from alerts import telemetry
from alerts.bootstrap import Services, open_services
from alerts.domain.grades import read_as_of
from alerts.domain.ids import HOUSE_APP
from alerts.errors import GradebellError, InvalidInput, NotFound, SettingsInvalid, StorageFailed
from alerts.open_files import raise_limit
from alerts.settings import PREFIX, Settings, load_settings
from alerts.store.apps import find_app

FAILED: Final = 1
MISUSED: Final = 2
HOUSE: Final = "house"
# Objects made and not yet gone, before Python looks for cycles among the young ones.
YOUNG_OBJECTS: Final = 50_000

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AppOption = Annotated[
    str, typer.Option("--app", metavar="ID", help="The app whose things these are.")
]
LimitOption = Annotated[int, typer.Option(min=1, max=200, help="At most so many, newest first.")]
BeforeOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Go on after this id, the last one of a page.")
]

# What a field is called on the command line, where it is not `--field`.
_ARGUMENTS: Final = {
    "file": "FILE",
    "header": "FILE",
    "url": "URL",
    "name": "NAME",
    "filter.tokens": "--token",
    "filter.types": "--type",
    "scopes": "--scope",
    "sources": "--source",
    "headers": "--header",
}
# Fields of the source as settings make it.
_SETTINGS: Final = {
    "api_key": "TOKEN_METRICS_API_KEY",
    "tokens": "TOKEN_METRICS_TOKENS",
    "base_url": "TOKEN_METRICS_URL",
}
# What mends a database that does not answer as it should, by what it, or the way there, says.
_MENDS: Final = (
    (
        re.compile(r"no such (table|column)|has no column|(relation|column) .* does not exist"),
        "`gradebell db upgrade` makes the tables",
    ),
    (
        re.compile(r"\[Errno -?\d+\]|(database|role) .* does not exist|authentication failed"),
        f"{PREFIX}DATABASE_URL says where it is, and who asks",
    ),
)

Function = TypeVar("Function", bound=Callable[..., None])


class Frame(TyperGroup):
    """The outermost command: whatever goes wrong as expected is one line on standard error."""

    def main(  # noqa: PLR0917 - typer's own signature.
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002, FBT001, FBT002 - typer's own signature.
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002 - typer's own signature.
        **extra: Any,  # noqa: ANN401 - typer's own signature.
    ) -> Any:  # noqa: ANN401 - typer's own signature.
        """Run and exit with 0, 1 or 2."""
        try:
            code = super().main(
                args=args,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except (TyperException, GradebellError) as error:
            _complain(_told(error))
            sys.exit(_code_of(error))
        except BrokenPipeError:
            # Whoever read this, such as `head`, has seen enough. Python would say so at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        sys.exit(code if isinstance(code, int) else 0)


class Failed(TyperException):
    """A command could not do what it is there for; said on one line, exit code 1."""

    exit_code = FAILED


def group(help_text: str) -> typer.Typer:
    """Commands under one word."""
    return typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)


def command(app: typer.Typer, name: str, *, example: str) -> Callable[[Function], Function]:
    """Make a function a command. example: a line that works as it is, shown by `--help`."""
    shown = example.replace("[", "\\[")
    return app.command(name, epilog=f"Example: {shown}")


def run(work: Callable[[Services], Awaitable[None]]) -> None:
    """Do one command's work with services, on the database itself."""

    async def whole() -> None:
        settings = load_settings()
        telemetry.configure(settings.log_format, settings.log_level, tell=lambda _facts: None)
        async with opened(settings) as services:
            await work(services)

    run_loop(whole())


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end on the fast event loop."""
    # What a thousand sends in flight are made of outlives Python's usual 700 allocations, and
    # looking through all of it over and over was a quarter of a worker's processor time.
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    raise_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def stopped_by_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, as long as the running loop runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def opened(settings: Settings, **given: Any) -> AsyncIterator[Services]:  # noqa: ANN401 - passed on.
    """`open_services`, its refusals said in the words of the settings."""
    is_open = False
    try:
        async with open_services(settings, **given) as services:
            is_open = True
            yield services
    except InvalidInput as error:
        setting = _SETTINGS.get(error.field.partition("[")[0])
        if is_open or setting is None:
            raise
        raise SettingsInvalid(f"{PREFIX}{setting} {error.problem}") from None


async def app_id_of(services: Services, app: str) -> str:
    """The id of the app named on the command line. Raises NotFound."""
    if app == HOUSE:
        return HOUSE_APP
    async with services.store.read() as tx:
        if await find_app(tx, app) is None:
            raise NotFound("app", app)
    return app


def read_time(text: str, *, field: str) -> datetime:
    """A time as the API takes it: RFC 3339, or a date. Raises InvalidInput."""
    return read_as_of(text, latest=None, field=field)


def _told(error: TyperException | GradebellError) -> str:
    if isinstance(error, TyperException):
        message = error.format_message().replace(": Input should be ", ": must be ")
        return message.replace(": Value error, ", ": ")
    if isinstance(error, StorageFailed):
        mends = (words for said, words in _MENDS if said.search(str(error)))
        return "; ".join([str(error), *mends][:2])
    if not isinstance(error, InvalidInput):
        return str(error)
    field = error.field.partition("[")[0]
    named = _ARGUMENTS.get(field) or _ARGUMENTS.get(field.partition(".")[0])
    if named is None:
        is_written = field.startswith("-") or field.isupper() or " " in field
        named = field if is_written else f"--{field.replace('_', '-')}"
    nearest = f" (nearest: {', '.join(error.candidates)})" if error.candidates else ""
    return f"{named}: {error.problem}{nearest}"


def _code_of(error: TyperException | GradebellError) -> int:
    if isinstance(error, TyperException):
        return error.exit_code
    return MISUSED if isinstance(error, InvalidInput) else FAILED


def _complain(message: str) -> None:
    """One line; typer shows help without any message, which is no complaint."""
    line = " ".join(message.split())
    if line:
        print(f"gradebell: {line}", file=sys.stderr)  # noqa: T201 - a command speaks to a person.
