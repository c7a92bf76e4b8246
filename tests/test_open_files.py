"""A process holds as many open files as it may, and sends no more at once than they are for."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.open_files import RESERVED, left_for_sends
from alerts.store.cipher import new_encryption_key
from tests.cli.processes import COMMAND, running

FEW = 600


@pytest.mark.parametrize(
    ("files", "sends"), [(RESERVED + 1000, 500), (RESERVED, 1), (0, 1), (65_536, 32_704)]
)
def test_half_of_what_is_left_is_for_sends(files: int, sends: int) -> None:
    assert left_for_sends(files) == sends


def test_a_low_limit_is_raised_as_far_as_it_may_be() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW * 2:
        pytest.skip("this machine allows few open files")
    program = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW * 2}))\n"
        "from alerts.open_files import limit, raise_limit\n"
        "raise_limit()\n"
        "print(limit())"
    )

    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert told.stdout.split() == [str(FEW * 2).encode()]


def test_a_worker_that_may_open_few_files_says_how_many_lanes_that_leaves(
    sqlite_url: str, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_URL": sqlite_url,
        "SOURCE": "none",
        "ADMIN_KEY": "an-admin-key-of-the-tests",
        "ENCRYPTION_KEYS": new_encryption_key(),
    }
    shell = ("/bin/sh", "-c", f'ulimit -n {FEW} && exec "$@"', "sh", *COMMAND)

    with running(["worker"], tmp_path, settings, command=shell) as worker:
        line = worker.wait_for("sends.bounded")
        worker.wait_for("worker.started")
        assert worker.end(signal.SIGTERM) == 0

    told = json.loads(line)
    assert (told["files"], told["lanes"]) == (FEW, 59)
