"""The house keeps its own rules: CONTRIBUTING.md, as far as a machine can read it."""

import ast
import importlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MODULE_LINES = 300
FUNCTION_LINES = 40
PREFIX = "GRADEBELL_"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project: what git knows, and what it would take in."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("the house is read by git, and this is no git repository")
    command = [git, "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = sorted(ROOT / name for name in names.split("\0") if name)
    return tuple(path for path in found if path.is_file())


def modules(*rooms: str) -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and place(path).parts[0] in rooms]


def place(path: Path) -> Path:
    return path.relative_to(ROOT)


def is_migration(path: Path) -> bool:
    # A migration is a list of what changes, as long as it is, under names that Alembic gives.
    return "migrations" in path.parts


def texts() -> Iterator[tuple[Path, str]]:
    for path in files():
        try:
            yield place(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_the_folders_at_the_top_are_these_four() -> None:
    folders = {place(path).parts[0] for path in files() if len(place(path).parts) > 1}

    assert {folder for folder in folders if not folder.startswith(".")} == {
        "alerts",
        "workers",
        "tests",
        "deploy",
    }


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        ".env.example",
    ],
)
def test_a_paper_lies_at_the_root(name: str) -> None:
    assert (ROOT / name).read_text().strip()


def test_a_module_is_no_longer_than_can_be_read_at_once() -> None:
    lengths = {
        str(place(path)): len(path.read_text().splitlines())
        for path in modules("alerts", "workers", "tests")
        if not is_migration(path)
    }

    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_a_function_fits_on_a_page() -> None:
    too_long = {
        f"{place(path)}:{node.lineno} {node.name}": length
        for path in modules("alerts", "workers")
        if not is_migration(path)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function) and (length := lines_without_docstring(node)) > FUNCTION_LINES
    }

    assert too_long == {}


def lines_without_docstring(node: Function) -> int:
    # What a function promises may take the room it needs; what it does may not.
    first = node.body[0]
    says = (
        first.end_lineno - first.lineno + 1 if ast.get_docstring(node) and first.end_lineno else 0
    )
    return (node.end_lineno or node.lineno) - node.lineno + 1 - says


def test_whatever_is_public_has_a_docstring() -> None:
    silent = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in modules("alerts", "workers")
        if not is_migration(path)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]

    assert silent == []


def test_every_setting_stands_in_the_example_and_in_the_readme() -> None:
    settings = {
        PREFIX + name.upper()
        for name in importlib.import_module("alerts.settings").Settings.model_fields
    }
    example = {name for name, _ in example_settings()}
    readme = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", (ROOT / "README.md").read_text()))

    assert settings - example == set(), "not in .env.example"
    assert example - settings == set(), "in .env.example, but no setting"
    assert settings - readme == set(), "not in README.md"
    assert readme - settings == set(), "in README.md, but no setting"


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_class: Any = importlib.import_module("alerts.settings").Settings
    for name, _ in example_settings():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # away from anybody's .env
    defaults = settings_class()

    for name, value in example_settings():
        if value:
            monkeypatch.setenv(name, value)

    assert settings_class() == defaults


def example_settings() -> list[tuple[str, str]]:
    text = (ROOT / ".env.example").read_text()
    return re.findall(rf"^#({PREFIX}[A-Z_]+)=(.*)$", text, re.MULTILINE)


def test_no_file_names_a_package_index() -> None:
    # Where packages come from is set where they are installed; a lock works with any index.
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
        ("deb", "debian", "org"),
    ]
    options = r"--(?:extra-)?index-url|--find-links|--trusted-host|--registry|@ https?://"
    named = re.compile("|".join(re.escape(".".join(host)) for host in hosts))
    places = [str(name) for name, text in texts() if named.search(text)]
    locks = [name for name, text in texts() if name.suffix == ".lock" and re.search(options, text)]

    assert places == []
    assert locks == []


def test_no_path_leads_out_of_the_house() -> None:
    somewhere = re.compile(r"(?<![\w.~<])/(?:home|root|Users|work)/\w")
    upward = re.compile(r"(?<![\w./])(?:\.\./)+[\w.-]+")
    strays = []
    for name, text in texts():
        strays += [f"{name}: {found}" for found in somewhere.findall(text)]
        if name.parts[0] == "tests":
            continue  # a test may try to climb
        for found in upward.findall(text):
            target = (ROOT / name.parent / found).resolve()
            if not target.is_relative_to(ROOT):
                strays.append(f"{name}: {found}")

    assert strays == []


def test_the_changelog_says_what_comes_next() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.lock", []),
        ("requirements-build.lock", ["build"]),
        ("requirements-dev.lock", ["build", "dev"]),
    ],
)
def test_a_lock_holds_what_is_required_each_file_with_its_hash(
    lock: str, groups: list[str]
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [] if lock == "requirements-build.lock" else list(project["project"]["dependencies"])
    for group in groups:
        wanted += [line for line in project["dependency-groups"][group] if isinstance(line, str)]
    entries = re.split(r"\n(?=\w)", (ROOT / lock).read_text())[1:]
    locked = {entry.split("==")[0].split("[")[0] for entry in entries}

    assert {re.split(r"[\[><=;]", line)[0] for line in wanted} - locked == set()
    assert all("--hash=sha256:" in entry for entry in entries)
