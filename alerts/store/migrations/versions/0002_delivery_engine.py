"""The delivery engine: lanes, what comes first in them, the log, health, answers, corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _lanes()
    _waiting()
    _pools()
    _retry_schedules()
    _log()
    _expunged()
    _retention()
    _notices()
    _stored_answers()
    _health()
    _corrections()
    _search_texts()
    _unread()
    _replays()
    _removals()


def _lanes() -> None:
    """The latest of all that is in a lane's way, kept by the database itself."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    latest = "greatest" if is_postgresql else "max"
    others = ", ".join(f"coalesce({c}, 0)" for c in ("lease_until", "held_until", "next_slot_at"))
    wakes = f"CASE WHEN due_at IS NULL THEN NULL ELSE {latest}(due_at, {others}) END"
    # PostgreSQL keeps it in the row, SQLite in the index alone: each can do nothing else here.
    column = sa.Column("wakes_at", sa.BigInteger(), sa.Computed(wakes, persisted=is_postgresql))
    op.add_column("lanes", column)
    op.create_index(
        "ix_lanes_wakes_at",
        "lanes",
        ["wakes_at"],
        sqlite_where=sa.text("wakes_at IS NOT NULL"),
        postgresql_where=sa.text("wakes_at IS NOT NULL"),
    )
    op.drop_index("ix_lanes_due_at", "lanes")


def _waiting() -> None:
    """What waits in a lane, in two lines: first attempts by event, all else by due time."""
    op.drop_index("ix_deliveries_waiting", "deliveries")
    fresh = "state = 'pending' AND position = 0 AND trigger = 'schedule'"
    later = "state = 'pending' AND (position > 0 OR trigger <> 'schedule')"
    for name, order, where in (("fresh", "sequence", fresh), ("later", "due_at", later)):
        op.create_index(
            f"ix_deliveries_{name}",
            "deliveries",
            ["endpoint_id", order],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def _pools() -> None:
    """Who may send what shares a platform's limit."""
    op.create_table(
        "pools",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("lease_id", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("next_slot_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pools")),
    )


def _notices() -> None:
    """How far an event for an app is owed to its endpoints."""
    op.add_column("events", sa.Column("owed_after", sa.String(length=40), nullable=True))
    op.create_index(
        "ix_events_owed_after",
        "events",
        ["sequence"],
        sqlite_where=sa.text("owed_after IS NOT NULL"),
        postgresql_where=sa.text("owed_after IS NOT NULL"),
    )


def _retry_schedules() -> None:
    """When an endpoint wants to be tried again, where it says so."""
    op.add_column("endpoints", sa.Column("retry_schedule_seconds", sa.JSON(), nullable=True))


def _log() -> None:
    """What the log is searched by: apps, and one word for state, kind, reason and status code."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("deliveries", sa.Column("app_id", sa.String(length=40), nullable=True))
    op.add_column("deliveries", sa.Column("status_code", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE deliveries SET app_id = (SELECT endpoints.app_id FROM endpoints"
        " WHERE endpoints.id = deliveries.endpoint_id),"
        " status_code = (SELECT attempts.status_code FROM attempts"
        " WHERE attempts.delivery_id = deliveries.id"
        " ORDER BY attempts.number DESC, attempts.id DESC LIMIT 1)"
    )
    words = ("kind", "reason", "CAST(status_code AS TEXT)")
    facet = " || ' ' || ".join(["state", *(f"coalesce({word}, '')" for word in words)])
    # In the order of its bytes, whatever the language of the database.
    text = sa.Text(collation="C" if is_postgresql else None)
    op.add_column(
        "deliveries", sa.Column("facet", text, sa.Computed(facet, persisted=is_postgresql))
    )
    op.drop_index("ix_deliveries_endpoint_id", "deliveries")
    logged = sa.text("state <> 'pending' OR position > 0 OR trigger <> 'schedule'")
    op.create_index(
        "ix_deliveries_logged",
        "deliveries",
        ["endpoint_id", "facet", "sequence"],
        sqlite_where=logged,
        postgresql_where=logged,
    )
    columns = ["app_id", "facet", "sequence", "endpoint_id"]
    op.create_index("ix_deliveries_app_id", "deliveries", columns)
    op.create_index("ix_events_recorded_at", "events", ["recorded_at"])


def _expunged() -> None:
    """When the content of a delivery was taken out of the log."""
    op.add_column("deliveries", sa.Column("expunged_at", sa.BigInteger(), nullable=True))


def _retention() -> None:
    """The oldest grades are found without reading the others; what is done names no endpoint."""
    op.execute("UPDATE cycles SET fan_out_after = NULL WHERE state = 'done'")
    op.create_index("ix_grades_as_of", "grades", ["as_of"])


def _stored_answers() -> None:
    """What was said under an Idempotency-Key."""
    op.create_table(
        "stored_answers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("app_id", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("lease_id", sa.String(length=40), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_answers")),
    )
    op.create_index(op.f("ix_stored_answers_app_id"), "stored_answers", ["app_id"])
    op.create_index(op.f("ix_stored_answers_created_at"), "stored_answers", ["created_at"])


def _health() -> None:
    """Of an endpoint, on its lane: what it did of late, its breaker, its spell of failing."""
    counts = {"recent": "1", "failures": "0", "trips": "0", "failing_attempts": "0"}
    for name, first in counts.items():
        number = sa.BigInteger() if name == "recent" else sa.Integer()
        op.add_column("lanes", sa.Column(name, number, nullable=False, server_default=first))
    for name in ("opened_at", "failing_since", "warned_at"):
        op.add_column("lanes", sa.Column(name, sa.BigInteger()))


def _corrections() -> None:
    """A correction knows what it corrects, and waits for it."""
    for table in ("events", "deliveries"):
        op.add_column(table, sa.Column("corrects", sa.String(40)))
    op.create_index(
        "ix_events_corrects",
        "events",
        ["corrects", "cycle_id"],
        sqlite_where=sa.text("corrects IS NOT NULL"),
        postgresql_where=sa.text("corrects IS NOT NULL"),
    )


def _search_texts() -> None:
    """What tokens are found by, folded."""
    op.add_column("tokens", sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    names = ("id", "symbol", "name", "search_text")
    tokens = sa.table("tokens", *(sa.column(name, sa.Text()) for name in names))
    rows = [
        {"of": row.id, "folded": "\n".join(row).casefold()}
        for row in op.get_bind().execute(sa.select(*[tokens.c[name] for name in names[:3]]))
    ]
    if rows:
        folded = tokens.update().where(tokens.c.id == sa.bindparam("of"))
        op.get_bind().execute(folded.values(search_text=sa.bindparam("folded")), rows)


def _unread() -> None:
    """Tokens of a cycle's rows that could not be read: they are not absent."""
    op.add_column("cycle_rows", sa.Column("unread", sa.LargeBinary()))


def _replays() -> None:
    """What was asked to be sent again, brought back a part at a time."""
    op.create_table(
        "replays",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("endpoint_id", sa.String(40), nullable=False),
        sa.Column("only", sa.String(16), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("brought", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_index("ix_replays_endpoint_id", "replays", ["endpoint_id", "id"])
    _partial("ix_replays_running", "replays", ["id"], where="state = 'running'")
    op.add_column("deliveries", sa.Column("replay_id", sa.String(40)))
    _partial("ix_deliveries_replay_id", "deliveries", ["replay_id", "state"])
    untold = "state IN ('dead', 'unknown', 'skipped')"
    _partial("ix_deliveries_untold", "deliveries", ["endpoint_id", "ended_at"], where=untold)


def _partial(name: str, table: str, columns: list[str], *, where: str | None = None) -> None:
    """An index of some rows: those where the first of the columns is set, unless it says."""
    words = sa.text(where or f"{columns[0]} IS NOT NULL")
    op.create_index(name, table, columns, sqlite_where=words, postgresql_where=words)


def _removals() -> None:
    """Endpoints whose rows are still being cleared away, and what was told to one alone."""
    op.create_table(
        "removed_endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_endpoints")),
    )
    op.create_index(
        "ix_events_audience_id",
        "events",
        ["audience_id"],
        sqlite_where=sa.text("audience_id IS NOT NULL"),
        postgresql_where=sa.text("audience_id IS NOT NULL"),
    )
