"""Programs that tests start: in a private folder, on a free port, ended by their own pid."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
LOOPBACK = "127.0.0.1"
# Linux takes the ports of connections from 32,768 on, others from 49,152 on.
FIRST_PORT = 12_768
PORTS = 20_000


class Unavailable(Exception):
    """A program could not be had; the message says what was tried and what came of it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a program runs as; without ids: as ourselves."""

    user_id: int | None = None
    group_id: int | None = None

    @property
    def other_groups(self) -> list[int] | None:
        """None of root's groups go along to somebody else."""
        return None if self.user_id is None else []


OURSELVES = Person()


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder, gone with all that is in it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="gradebell-tests-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nobody_special(folder: Path) -> Person:
    """Somebody who is not root, and made owner of the folder. Raises Unavailable."""
    if os.geteuid() != 0:
        return OURSELVES
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known.get("nobody")
    if entry is None:
        raise Unavailable("it does not run as root, and there is no user postgres or nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return Person(entry.pw_uid, entry.pw_gid)


def free_port() -> int:
    """A loopback port that nobody listens on now.

    Not one of those that the system gives to connections: with hundreds of them at once it would
    be somebody's before the program that it is meant for has started.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def output_of(command: Sequence[str | Path], folder: Path, person: Person = OURSELVES) -> str:
    """What a program that ends by itself prints. Raises Unavailable with its last word."""
    finished = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        extra_groups=person.other_groups,
        group=person.group_id,
        stdin=subprocess.DEVNULL,
        timeout=START_SECONDS,
        user=person.user_id,
    )
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        raise Unavailable(f"{command[0]} failed: {said[-1] if said else finished.returncode}")
    return str(finished.stdout)


class Running:
    """A server of ours: ready, or stopped and to be started again where it was."""

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        *,
        is_ready: Callable[[], bool],
        person: Person,
    ) -> None:
        self._command = command
        self._folder = folder
        self._is_ready = is_ready
        self._person = person
        self._process = self._started()

    @property
    def pid(self) -> int:
        """Another one after each start."""
        return self._process.pid

    def start(self) -> None:
        """Start it again, with all that lies in its folder. Raises Unavailable."""
        self._process = self._started()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when it is. Raises Unavailable."""
        _wait_until(self._is_ready, self._process, self._folder / "log")

    def stop(self, stop_signal: signal.Signals) -> None:
        """End it, by force if need be."""
        _end(self._process, stop_signal)

    def _started(self) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as output:
            # A session of its own: Ctrl-C is for the test run, which then ends the server in order.
            return subprocess.Popen(
                [*_ended_with_us(), *(str(word) for word in self._command)],
                cwd=self._folder,
                extra_groups=self._person.other_groups,
                group=self._person.group_id,
                start_new_session=True,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                user=self._person.user_id,
            )


@contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    *,
    is_ready: Callable[[], bool],
    person: Person = OURSELVES,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[Running]:
    """A server that is ready; it has ended when this has. Raises Unavailable."""
    server = Running(command, folder, is_ready=is_ready, person=person)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop(stop_signal)


def _ended_with_us() -> list[str]:
    """A prefix by which the kernel ends the program with us, even where we are killed (Linux)."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [] if setpriv is None else [setpriv, "--pdeathsig", "INT"]


def _wait_until(
    is_ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None:
            raise Unavailable(f"it ended with {process.returncode}: {_last_line(log)}")
        if time.monotonic() > deadline:
            raise Unavailable(f"not ready after {START_SECONDS:.0f} s: {_last_line(log)}")
        time.sleep(POLL_SECONDS)


def _end(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    if process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
