"""Migrations bring any database to the schema that the code speaks of."""

import asyncio
import sys
import warnings

import structlog.testing
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.recover import reap
from alerts.store.cipher import Cipher
from alerts.store.databases import create_engine
from alerts.store.engine import Store, open_store
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.migrate import migration_config, upgrade
from alerts.store.tables import apps, metadata
from alerts.store.tokens import list_tokens
from tests.store.conftest import KEY, MachineClock

TOKEN = """
INSERT INTO tokens (id, source, symbol, symbol_folded, name, first_seen_at)
VALUES ('demo:a', 'demo', 'ÄTH', 'äth', 'Ätherium', 0)
"""
# A delivery of the house that was tried twice, as the first schema had it.
LOG = (
    """
INSERT INTO endpoints (id, app_id, channel, address, address_hash, description, state, state_since,
  filter, "order", time_to_live_seconds, created_at)
VALUES ('ep_1', 'app_00000000000000000000000000', 'webhook', '', 'h', '', 'active', 0,
  '{"tokens":null,"kinds":[],"types":[],"min_notches":1,"min_delta":0}', 'none', 1, 0)
""",
    """
INSERT INTO events (id, sequence, type, type_bit, audience, at, recorded_at, body)
VALUES ('evt_1', 1, 'grade.upgraded', 1, 'everyone', 0, 0, '')
""",
    """
INSERT INTO deliveries (id, event_id, endpoint_id, sequence, kind, state, reason, "trigger", due_at,
  expires_at, position, attempts, interruptions, created_at, ended_at)
VALUES ('dlv_1', 'evt_1', 'ep_1', 1, 'trader', 'dead', 'gone', 'schedule', 0, 0, 1, 2, 0, 0, 0)
""",
    *(
        f"""
INSERT INTO attempts (id, delivery_id, send_id, number, "trigger", position, scheduled_for,
  started_at, ended_at, outcome, status_code, truncated, timings_ms, secret_ids, worker)
VALUES ('att_{number}', 'dlv_1', 'snd', {number}, 'schedule', 0, 0, 0, 0, 'rejected', {code}, false,
  '{{}}', '[]', 'w')
"""  # noqa: S608 - put together here.
        for number, code in ((1, 500), (2, 410))
    ),
)


def _difference(connection: Connection) -> list[object]:
    with warnings.catch_warnings():
        # The unique index of subscriptions is over an expression, which SQLAlchemy can't read back
        # from SQLite: it says so and compares the rest. On PostgreSQL it is compared.
        for message in ("autogenerate skipping metadata-specified", "Skipped unsupported reflec"):
            warnings.filterwarnings("ignore", message=message)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


async def _of_database(database_url: str) -> tuple[list[object], set[str], list[str]]:
    """What autogenerate would still do, the tables there are, and the apps."""
    engine = create_engine(database_url)
    try:
        async with engine.connect() as connection:
            left = await connection.run_sync(_difference)
            names = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
            found = list((await connection.execute(select(apps.c.id))).scalars())
    finally:
        await engine.dispose()
    return left, names, found


async def test_after_an_upgrade_there_is_nothing_left_to_generate(empty_database_url: str) -> None:
    await upgrade(empty_database_url)

    left, names, found = await _of_database(empty_database_url)

    assert left == []
    assert names == {*metadata.tables, "alembic_version"}
    assert found == [HOUSE_APP]


async def test_upgrading_again_changes_nothing(empty_database_url: str) -> None:
    await upgrade(empty_database_url)
    before = await _of_database(empty_database_url)

    await upgrade(empty_database_url)

    assert await _of_database(empty_database_url) == before


async def test_what_was_known_before_an_upgrade_is_found_after_it(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with engine.connect() as plain:
        connection = await plain.execution_options(gradebell_writes=True)
        async with connection.begin():
            await connection.run_sync(_first_schema)
            for statement in (TOKEN, *LOG):
                await connection.exec_driver_sql(statement)
    await engine.dispose()

    await upgrade(empty_database_url)

    clock, cipher = MachineClock(), Cipher([KEY])
    async with (
        open_store(empty_database_url, clock=clock, cipher=cipher) as store,
        store.read() as tx,
    ):
        tokens = await list_tokens(tx, text="ÄTHERIUM", after=None, limit=2)
        wanted = LogFilter(state="dead", reason="gone", kind="trader", code=410)
        log = await list_deliveries(tx, wanted, app_id=HOUSE_APP, before=None, limit=2)
    assert [token.id for token in tokens] == ["demo:a"]
    assert [delivery.id for delivery in log] == ["dlv_1"]


async def test_a_delivery_of_the_release_before_comes_to_the_log(store: Store) -> None:
    async with store.write() as tx:
        for statement in LOG:
            await tx.connection.exec_driver_sql(statement)
    everything = LogFilter()

    await reap(store=store, repeatable=frozenset(), worker="w")

    async with store.read() as tx:
        log = await list_deliveries(tx, everything, app_id=HOUSE_APP, before=None, limit=2)
    assert [delivery.id for delivery in log] == ["dlv_1"]


def _first_schema(connection: Connection) -> None:
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


async def test_a_database_of_a_newer_release_is_left_as_it_is(empty_database_url: str) -> None:
    is_ours = await upgrade(empty_database_url)
    engine = create_engine(empty_database_url)
    async with engine.connect() as plain:
        connection = await plain.execution_options(gradebell_writes=True)
        async with connection.begin():
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    before = await _of_database(empty_database_url)

    with structlog.testing.capture_logs() as lines:
        is_ours_still = await upgrade(empty_database_url)

    assert (is_ours, is_ours_still) == (True, False)
    assert [(line["event"], line["revision"]) for line in lines] == [("schema.newer", "9999")]
    assert await _of_database(empty_database_url) == before


async def test_two_processes_may_upgrade_at_once(empty_database_url: str) -> None:
    code = "import sys; from alerts.store.migrate import upgrade_now; upgrade_now(sys.argv[1])"
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, empty_database_url)
        for _ in range(2)
    ]

    ended = [await process.wait() for process in started]

    assert ended == [0, 0]
    left, _, found = await _of_database(empty_database_url)
    assert (left, found) == ([], [HOUSE_APP])


def test_there_is_one_line_of_migrations_numbered_and_named() -> None:
    scripts = ScriptDirectory.from_config(migration_config())

    assert len(scripts.get_heads()) == 1
    for number, revision in enumerate(reversed(list(scripts.walk_revisions())), start=1):
        assert revision.path.rsplit("/", 1)[-1].startswith(f"{number:04d}_")
