"""Node.js, and the packages that a receiver written in JavaScript would install."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.programs import Unavailable

FOLDER = Path(__file__).parent / "javascript"
INSTALL_SECONDS = 60.0
RUN_SECONDS = 30.0


def find_node() -> str:
    """The program. Raises Unavailable."""
    program = shutil.which("node")
    if program is None:
        raise Unavailable("no node on PATH")
    return program


def install_packages() -> None:
    """Have the locked packages in place; what is there already is not fetched again.

    Raises Unavailable where there is no npm, or none of its registries answers.
    """
    if _installed() == _locked():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("no npm on PATH")
    # What tests set so that nothing reads certificates: npm has to.
    ours = {"SSL_CERT_FILE", "SSL_CERT_DIR"}
    try:
        finished = subprocess.run(
            [npm, "ci", "--no-progress", "--fetch-retries=0", "--logs-max=0"],
            capture_output=True,
            check=False,
            cwd=FOLDER,
            encoding="utf-8",
            env={name: value for name, value in os.environ.items() if name not in ours},
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm ci was not done after {INSTALL_SECONDS:.0f} s") from None
    if finished.returncode != 0:
        said = [line for line in finished.stderr.splitlines() if line.startswith("npm error")]
        raise Unavailable(f"npm ci failed: {said[0] if said else finished.returncode}")


def verdicts(verifier: str | Path, cases: Sequence[dict[str, Any]]) -> list[bool]:
    """What `verify.cjs` says of each case: by `package`, or by the function in this file."""
    finished = subprocess.run(
        [find_node(), FOLDER / "verify.cjs", verifier],
        capture_output=True,
        check=False,
        encoding="utf-8",
        input=json.dumps(cases),
        timeout=RUN_SECONDS,
    )
    assert finished.returncode == 0, finished.stderr
    said: list[bool] = json.loads(finished.stdout)
    return said


def _installed() -> Any:  # noqa: ANN401 - JSON.
    try:
        return _packages(FOLDER / "node_modules" / ".package-lock.json")
    except OSError:
        return None


def _locked() -> Any:  # noqa: ANN401 - JSON.
    return _packages(FOLDER / "package-lock.json")


def _packages(lock: Path) -> Any:  # noqa: ANN401 - JSON.
    found = json.loads(lock.read_text())["packages"]
    return {name: package["integrity"] for name, package in found.items() if name}
