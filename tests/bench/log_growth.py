"""Deliveries of long ago, to the endpoints that there are: a log written by the database itself."""

from sqlalchemy import text

from alerts.store.engine import Store

# ruff: noqa: S608 - put together from the words below, and from nothing else.
RANDOM = {
    "sqlite": "lower(hex(randomblob(13)))",
    "postgresql": "left(replace(gen_random_uuid()::text, '-', ''), 26)",
}
NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, {}))",
}
EMPTY = {"sqlite": "x''", "postgresql": "''::bytea"}
# Of a hundred deliveries 97 were delivered and 3 are dead; each had one attempt.
STATE = "CASE WHEN (e.sequence * 7 + length(p.id)) % 100 < 97 THEN 'delivered' ELSE 'dead' END"


async def lengthen(store: Store, deliveries: int) -> None:
    """Add events that every endpoint was told, as many as make so many deliveries."""
    dialect = store.engine.dialect.name
    async with store.write() as tx:
        endpoints = (
            await tx.connection.execute(text("SELECT count(*) FROM endpoints"))
        ).scalar_one()
        last = "SELECT coalesce(max(sequence), 0) FROM events"
        after = (await tx.connection.execute(text(last))).scalar_one()
        count = deliveries // endpoints
        if count == 0:
            return
        for statement in _statements(dialect, after=after, count=count):
            await tx.connection.execute(text(statement))
    async with store.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE" if dialect == "postgresql" else "ANALYZE"))


def _statements(dialect: str, *, after: int, count: int) -> tuple[str, ...]:
    random, empty = RANDOM[dialect], EMPTY[dialect]
    numbers = NUMBERS[dialect].format(count)
    return (
        (
            "INSERT INTO events (id, sequence, type, type_bit, audience, source, kind, token, at,"
            f" recorded_at, body) {numbers} SELECT 'evt_' || {random}, {after} + i,"
            " 'grade.upgraded', 1, 'everyone', 'bench', 'trader', 'bench:' || (i % 1000), i, i,"
            f" {empty} FROM n"
        ),
        f"UPDATE counters SET value = {after + count} WHERE name = 'events'",
        (
            "INSERT INTO deliveries (id, event_id, endpoint_id, app_id, sequence, token, kind,"
            ' state, status_code, "trigger", due_at, expires_at, position, attempts,'
            f" interruptions, created_at, ended_at) SELECT 'dlv_' || {random}, e.id, p.id,"
            f" p.app_id, e.sequence, e.token, e.kind, {STATE}, 204, 'schedule', 1, 2, 0, 1, 0, 1,"
            f" 1 FROM events e CROSS JOIN endpoints p WHERE e.sequence > {after}"
        ),
        (
            'INSERT INTO attempts (id, delivery_id, send_id, number, "trigger", position,'
            " scheduled_for, started_at, ended_at, outcome, status_code, truncated, timings_ms,"
            f" secret_ids, worker) SELECT 'att_' || {random}, id, 'snd_' || {random}, 1,"
            " 'schedule', 0, 1, 1, 1, state, 204, false, '{\"total\"\\: 1.5}', '[]', 'bench\\:1'"
            f" FROM deliveries WHERE sequence > {after}"
        ),
    )
