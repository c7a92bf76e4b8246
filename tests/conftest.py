"""What every test may ask for: databases on both engines, Redis; and the closing words of a run."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from redis import Redis

from alerts.store.migrate import upgrade
from alerts.telemetry import LogFormat, configure
from tests import databases, node, servers
from tests.compiled import compile_once
from tests.offline import stay_on_this_machine
from tests.programs import Unavailable

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
# Each as the last line of a run names it; of all its workers, where there are several.
SERVERS_USED = pytest.StashKey[list[str]]()

hypothesis.settings.register_profile("gradebell", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("gradebell")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS_USED] = []
    for name in [name for name in os.environ if name.startswith("GRADEBELL_")]:
        del os.environ[name]  # tests say what they are set to, not the shell they run in
    stay_on_this_machine()
    compile_once()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One more than there are processors: tests wait, too, for programs, servers and leases."""
    return (yield) + 1


def pytest_collection_finish() -> None:
    """Modules stay for the whole run: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_authorities() -> Iterator[None]:
    """Reading the machine's certificates takes longer than most of these tests, and none asks.

    Where TLS is the point, a test brings an authority of its own. Programs that tests start have
    none either.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", "")  # httpx takes no file without any in it
        patch.setenv("SSL_CERT_DIR", os.devnull)
        yield


@pytest.fixture(autouse=True)
def log() -> None:
    """The log is the run's again, for a command run in this process had it for its own."""
    configure(LogFormat.JSON, "INFO")


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Iterator[servers.Server]:
    """A PostgreSQL of this run's own."""
    yield from _started(servers.postgresql, pytestconfig)


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Iterator[servers.Server]:
    """A Redis of this run's own."""
    yield from _started(servers.redis, pytestconfig)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "gradebell.db"
    return databases.make_sqlite_template(path, upgrade)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: servers.Server) -> str:
    return databases.make_postgresql_template(postgresql_server, upgrade)


@pytest.fixture(scope="session")
def postgresql_lending(
    postgresql_server: servers.Server, postgresql_template: str
) -> databases.Lending:
    return databases.Lending(postgresql_server, postgresql_template)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """A migrated SQLite database of the test's own."""
    with databases.quick_folder(otherwise=tmp_path) as folder:
        yield databases.copy_sqlite(sqlite_template, folder / "gradebell.db")


@pytest.fixture
def postgresql_url(postgresql_lending: databases.Lending) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    with postgresql_lending.lend() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own: the test runs once on each engine."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, once on each engine: for the tests of the migrations."""
    if request.param == "sqlite":
        yield databases.sqlite_url(tmp_path / "empty.db")
        return
    server = request.getfixturevalue("postgresql_server")
    with databases.postgresql_database(server, "template0") as url:
        yield url


@pytest.fixture
def redis_url(redis_server: servers.Server) -> str:
    """Redis, with nothing in it."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def with_node() -> None:
    """Node.js is there."""
    try:
        node.find_node()
    except Unavailable as reason:
        _cannot_run(f"needs Node.js: {reason}")


@pytest.fixture(scope="session")
def with_packages(with_node: None) -> None:  # noqa: ARG001 - npm comes second.
    """Node.js is there, and the packages that tests/javascript locks."""
    try:
        node.install_packages()
    except Unavailable as reason:
        _cannot_run(f"needs the packages of tests/javascript: {reason}")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("did not run, and why")
        for why, count in Counter(map(_reason, skipped)).most_common():
            terminalreporter.write_line(f"{count} x {why}")
    used = config.stash[SERVERS_USED]
    if used:
        terminalreporter.write_line(f"servers of this run: {', '.join(sorted(set(used)))}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of several tells the one who prints what it has used."""
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["servers"] = session.config.stash[SERVERS_USED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - a worker, of pytest-xdist.
    # A worker that was killed has no last words.
    node.config.stash[SERVERS_USED] += getattr(node, "workeroutput", {}).get("servers", [])


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


def _started(
    start: Callable[[], AbstractContextManager[servers.Server]], config: pytest.Config
) -> Iterator[servers.Server]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(start())
        except Unavailable as reason:
            _cannot_run(f"needs a server: {reason}")
        config.stash[SERVERS_USED].append(f"{server.version} ({server.origin})")
        yield server


def _cannot_run(why: str) -> NoReturn:
    """Where all must run, a test that can't is a failure; elsewhere it is named at the end."""
    if IN_CI:
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
