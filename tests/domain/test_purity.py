"""The domain is pure: the standard library and our errors, no clock, no chance, no door out."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import alerts.domain

MODULES = sorted(Path(next(iter(alerts.domain.__path__))).glob("*.py"))
# What would make the same input come to something else, or reach outside.
IMPURE = frozenset(
    {"asyncio", "concurrent", "logging", "os", "random", "secrets", "socket", "subprocess"}
    | {"sys", "threading", "time", "uuid", "pathlib", "io", "tempfile"}
)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_our_errors_alone(path: Path) -> None:
    strangers = [
        name
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names - IMPURE
        and name != "alerts.errors"
        and not name.startswith("alerts.domain")
    ]

    assert strangers == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_awaits_nothing_and_asks_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text())
    waits = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert waits == []
    assert names & {"now", "utcnow", "today"} == set()
