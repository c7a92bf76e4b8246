"""What the measurements share: how long they may take, and databases that wait for the disk."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from alerts import telemetry
from alerts.store.migrate import upgrade
from tests import databases, servers
from tests.bench.installations import Ground
from tests.bench.receivers import receiving
from tests.bench.runs import Bench, has_two_processors, machine, say
from tests.programs import Unavailable

NewDatabase = Callable[[str], AbstractContextManager[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="a tenth of the load: does it run, not how fast"
    )


@pytest.fixture(scope="session")
def quick(pytestconfig: pytest.Config) -> bool:
    """Whether a glance is enough."""
    return bool(pytestconfig.getoption("--quick"))


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[servers.Server]:
    """A PostgreSQL whose commits are on the disk, as in production."""
    try:
        with servers.postgresql({"fsync": "on", "full_page_writes": "on"}) as server:
            yield server
    except Unavailable as reason:
        pytest.skip(f"needs a server: {reason}")


@pytest.fixture(scope="session")
def durable_template(durable_postgresql: servers.Server) -> str:
    """A migrated database there, to be copied."""
    return databases.make_postgresql_template(durable_postgresql, upgrade)


@pytest.fixture
def new_database(
    durable_postgresql: servers.Server, durable_template: str, sqlite_template: Path, tmp_path: Path
) -> NewDatabase:
    """Migrated databases on the disk, by the name of the engine; each is a new one."""

    @contextmanager
    def new(engine: str) -> Iterator[str]:
        if engine == "postgresql":
            with databases.postgresql_database(durable_postgresql, durable_template) as url:
                yield url
        else:
            yield databases.copy_sqlite(sqlite_template, tmp_path / f"{uuid4().hex}.db")

    return new


@pytest.fixture
def ground(new_database: NewDatabase, redis_url: str, tmp_path: Path) -> Ground:
    """Where installations are made that are pushed to and deliver."""
    telemetry.configure(telemetry.LogFormat.JSON, "ERROR")
    return Ground(new_database, redis_url, tmp_path)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A receiver that runs, and where the sides run."""
    with receiving(processor=1 if has_two_processors() else None) as receiver:
        say(f"\n{machine()}")
        say(f"receiver: {receiver.name}; SQLite synchronous=FULL, PostgreSQL fsync on")
        yield Bench(tmp_path, receiver)
