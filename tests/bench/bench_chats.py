"""A change that 20,000 chats follow, of 100,000 on one bot, and a newer one of the same token.

At the platform's pace of 25 a second that takes a quarter of an hour, so the pace is scaled.
"""

import json
import subprocess
import sys

import pytest

from tests.bench.chats_side import Told
from tests.bench.conftest import NewDatabase
from tests.bench.runs import Bench, say

CHATS, FOLLOWERS, NEWER_AFTER = 100_000, 20_000, 5_000
RATE = 400.0
RUN_SECONDS = 1800


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_change_that_many_chats_follow(
    engine: str, new_database: NewDatabase, bench: Bench, quick: bool
) -> None:
    scale = 10 if quick else 1
    with new_database(engine) as url:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.bench.chats_side", "--database-url", url),
                *("--telegram", bench.receiver.http, "--rate", str(RATE)),
                *("--chats", str(CHATS // scale), "--followers", str(FOLLOWERS // scale)),
                *("--newer-after", str(NEWER_AFTER // scale)),
            ],
            check=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            timeout=RUN_SECONDS,
        )
    _show(engine, Told(**json.loads(done.stdout)))


def _show(engine: str, found: Told) -> None:
    memory = {int(sent): mb for sent, mb in found.memory.items()}
    early = max(mb for sent, mb in memory.items() if sent <= found.sent // 10)
    say(
        f"{engine}: {found.followers} of {found.chats} chats owed in {found.owed_ms:.0f} ms;"
        f" {found.sent} messages in {found.seconds:.0f} s,"
        f" {found.sent / found.seconds:.0f} a second,"
        f" CPU {found.cpu_seconds / found.sent * 1000:.1f} ms each;"
        f" memory {early:.0f} MB in the first tenth, {max(memory.values()):.0f} MB at the most"
    )
    for number, state, reason, count in found.became:
        say(f"  change {number}: {count} {state}{f' ({reason})' if reason else ''}")
