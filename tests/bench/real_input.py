"""The main job on real rows: two days of grades, fifty endpoints, every one told what it asked for.

    python -m tests.bench.real_input RECORDED.json [--database-url URL] [--way file|poll|both]

RECORDED.json: one answer of Token Metrics' `/v2/trader-grades`; the day before is worked out from
its percentages. Without --database-url, and always for `poll`, a new SQLite database is used. Ends
with 1 if anything was told that should not have been, or not told that should.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from alerts import telemetry
from alerts.store.migrate import upgrade
from tests.bench.real_pages import Day, recorded_day
from tests.bench.real_run import Report, by_file, by_poll


def main() -> int:
    """Run, print, and say whether all was well."""
    parser = argparse.ArgumentParser(description="The main job on real rows.")
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--database-url")
    parser.add_argument("--way", choices=("file", "poll", "both"), default="both")
    asked = parser.parse_args()
    telemetry.configure(telemetry.LogFormat.CONSOLE, "WARNING")
    today = recorded_day(asked.recorded)
    ways = ("file", "poll") if asked.way == "both" else (asked.way,)
    problems = 0
    for way in ways:
        with tempfile.TemporaryDirectory() as folder:
            report = asyncio.run(_run(way, today, asked.database_url, Path(folder)))
        sys.stdout.write(shown(way, report))
        problems += len(report.problems)
    return 1 if problems else 0


def shown(way: str, report: Report) -> str:
    """A report as lines for a person."""
    kinds = Counter(told.type for told in report.changes.values())
    seconds = ", ".join(f"{step} {took:.2f}" for step, took in report.seconds.items())
    lines = [
        f"by {way}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}",
        f"  {report.deliveries} deliveries to {report.endpoints} endpoints",
        f"  seconds: {seconds}; in all {sum(report.seconds.values()):.2f}",
        *(f"  WRONG: {problem}" for problem in report.problems),
        f"  {len(report.problems)} problems",
    ]
    return "\n".join(lines) + "\n"


async def _run(way: str, today: Day, database_url: str | None, folder: Path) -> Report:
    is_own = database_url is None or way == "poll"
    url = f"sqlite+aiosqlite:///{folder}/gradebell.db" if is_own else str(database_url)
    await upgrade(url)
    return await (by_poll(today, url) if way == "poll" else by_file(today, url, folder))


if __name__ == "__main__":
    sys.exit(main())
