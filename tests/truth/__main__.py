"""`python -m tests.truth [CASE …]`: scenarios through the service, and what came of each.

`--database postgresql` has it run on a PostgreSQL of its own in place of SQLite.

Prints a line for each: events that a right service tells, messages due, lost, doubled, false and
late ones (0 each), requests spent, how many of them were refused as too many, seconds. As many at
once as there are processors. Exit code 1 if anything is wrong.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path

from alerts.store.migrate import upgrade
from tests.databases import (
    copy_sqlite,
    make_postgresql_template,
    make_sqlite_template,
    quick_folder,
    turned_postgresql,
)
from tests.servers import postgresql
from tests.truth.cases import CASES
from tests.truth.run import names_or_all, run_alone
from tests.truth.verdict import Verdict

HEAD = ("events", "messages", "lost", "doubled", "false", "late", "requests", "refused", "s")
SHOWN_PROBLEMS = 12
NAME_WIDTH = 20


def main(words: list[str]) -> int:
    """Run them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth")
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args(words)
    try:
        names = names_or_all(asked.case, list(CASES))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    began = time.perf_counter()
    _say(f"{'case':<{NAME_WIDTH}}" + "".join(f"{word:>9}" for word in HEAD))
    lend = _postgresql if asked.database == "postgresql" else _sqlite
    with lend(names) as urls:
        verdicts = _run_all(urls)
    wrong = [verdict for verdict in verdicts if not verdict.is_right]
    for verdict in wrong:
        _explain(verdict)
    right = len(verdicts) - len(wrong)
    _say(f"{right} of {len(verdicts)} right, in {time.perf_counter() - began:.0f} s")
    return 1 if wrong else 0


@contextmanager
def _sqlite(names: list[str]) -> Iterator[dict[str, str]]:
    """A database for each case, by its name."""
    with tempfile.TemporaryDirectory() as folder, quick_folder(otherwise=Path(folder)) as quick:
        template = make_sqlite_template(quick / "template.db", upgrade)
        yield {name: copy_sqlite(template, quick / f"{name}.db") for name in names}


@contextmanager
def _postgresql(names: list[str]) -> Iterator[dict[str, str]]:
    """The same on a server of ours, whose clock each case turns."""
    with postgresql() as server, ExitStack() as stack:
        template = make_postgresql_template(server, upgrade)
        yield {
            name: stack.enter_context(
                turned_postgresql(server, template, CASES[name].scenario.start)
            )
            for name in names
        }


def _run_all(urls: Mapping[str, str]) -> list[Verdict]:
    """urls: of the cases' databases, by name."""
    verdicts = []
    # The longest first, so that none of them is left over.
    of = {name: CASES[name].scenario for name in urls}
    ordered = sorted(urls, key=lambda name: -of[name].days * of[name].size)
    context = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context) as pool:
        running = [pool.submit(run_alone, name, urls[name]) for name in ordered]
        for done in as_completed(running):
            verdict = done.result()
            verdicts.append(verdict)
            _show(verdict)
            if sys.stdout.isatty():
                sys.stdout.write(f"{len(verdicts)} of {len(urls)} done\r")
                sys.stdout.flush()
    return verdicts


def _show(verdict: Verdict) -> None:
    counts = (
        verdict.events,
        verdict.expected,
        verdict.lost,
        verdict.doubled,
        verdict.false,
        verdict.late,
        verdict.requests,
        verdict.refused,
        round(verdict.seconds),
    )
    mark = "" if verdict.is_right else "  <- wrong"
    _say(f"{verdict.name:<{NAME_WIDTH}}" + "".join(f"{count:>9}" for count in counts) + mark)


def _explain(verdict: Verdict) -> None:
    _say(f"\n{verdict.name}:")
    for problem in verdict.problems[:SHOWN_PROBLEMS]:
        _say(f"  {problem}")
    if len(verdict.problems) > SHOWN_PROBLEMS:
        _say(f"  and {len(verdict.problems) - SHOWN_PROBLEMS} more")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
