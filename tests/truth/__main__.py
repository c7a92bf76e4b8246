"""`python -m tests.truth [SCENARIO …]`: scenarios through the service, and what came of each.

Prints a line for each: events that a right service tells, messages due, lost, doubled, false and
late ones (0 each), requests spent, how many of them were refused as too many, seconds. As many at
once as there are processors. Exit code 1 if anything is wrong.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from alerts.sources.sandbox.scenarios import SCENARIOS
from alerts.store.migrate import upgrade
from tests.databases import make_sqlite_template, quick_folder
from tests.truth.judge import Verdict
from tests.truth.run import names_or_all, run_alone

HEAD = ("events", "messages", "lost", "doubled", "false", "late", "requests", "refused", "s")
SHOWN_PROBLEMS = 12
NAME_WIDTH = 20


def main(words: list[str]) -> int:
    """Run them; the exit code."""
    try:
        names = names_or_all(words, list(SCENARIOS))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    began = time.perf_counter()
    _say(f"{'scenario':<{NAME_WIDTH}}" + "".join(f"{word:>9}" for word in HEAD))
    with tempfile.TemporaryDirectory() as folder, quick_folder(otherwise=Path(folder)) as quick:
        template = make_sqlite_template(quick / "template.db", upgrade)
        verdicts = _run_all(names, template)
    wrong = [verdict for verdict in verdicts if not verdict.is_right]
    for verdict in wrong:
        _explain(verdict)
    right = len(verdicts) - len(wrong)
    _say(f"{right} of {len(verdicts)} right, in {time.perf_counter() - began:.0f} s")
    return 1 if wrong else 0


def _run_all(names: list[str], template: Path) -> list[Verdict]:
    verdicts = []
    # The longest first, so that none of them is left over.
    ordered = sorted(names, key=lambda name: -SCENARIOS[name].days * SCENARIOS[name].size)
    context = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context) as pool:
        running = [pool.submit(run_alone, name, template) for name in ordered]
        for done in as_completed(running):
            verdict = done.result()
            verdicts.append(verdict)
            _show(verdict)
            if sys.stdout.isatty():
                sys.stdout.write(f"{len(verdicts)} of {len(names)} done\r")
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
