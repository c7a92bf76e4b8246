"""The console commands as programs of their own, as an operator runs them.

with running(["worker"], folder, settings) as worker:
    worker.wait_for("worker.started")
    assert worker.end(signal.SIGTERM) == 0
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-c", "from workers.start import main; main()")
WAIT_SECONDS = 30.0
END_SECONDS = 25.0


@dataclass(slots=True)
class Program:
    """A program that runs; its output gathers line by line, standard error among it."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)
    _is_silent: bool = False

    @property
    def output(self) -> str:
        """All that it has said so far."""
        with self._said:
            return "\n".join(self.lines)

    def wait_for(self, *words: str, within_seconds: float = WAIT_SECONDS) -> str:
        """The first line that holds all these words, once it is there."""

        def found() -> str | None:
            return next((line for line in self.lines if all(word in line for word in words)), None)

        with self._said:
            self._said.wait_for(lambda: self._is_silent or found() is not None, within_seconds)
            line = found()
            if line is None:
                raise AssertionError(f"it did not say {words}, but:\n" + "\n".join(self.lines))
            return line

    def end(self, number: signal.Signals, within_seconds: float = END_SECONDS) -> int:
        """Send a signal; the exit code it ends with."""
        self.process.send_signal(number)
        return self.process.wait(within_seconds)

    def listen(self, stream: IO[str]) -> None:
        """Gather lines until there are no more."""
        for line in stream:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._is_silent = True
            self._said.notify_all()


@contextmanager
def running(
    words: Sequence[str],
    folder: Path,
    settings: Mapping[str, str],
    *,
    command: Sequence[str] = COMMAND,
) -> Iterator[Program]:
    """A command that runs in `folder`; it has ended when this has. settings: without prefix."""
    process = subprocess.Popen(
        [*command, *words],
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    program = Program(process)
    if process.stdout is None:
        raise AssertionError("a program without output")
    listener = threading.Thread(target=program.listen, args=(process.stdout,), daemon=True)
    listener.start()
    try:
        yield program
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(END_SECONDS)
        listener.join(END_SECONDS)
        process.stdout.close()


def run(
    words: Sequence[str], folder: Path, settings: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself, with what it said."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=WAIT_SECONDS,
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without any setting of the shell's, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRADEBELL_")}
    named = {f"GRADEBELL_{name}": value for name, value in settings.items()}
    return kept | named | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
