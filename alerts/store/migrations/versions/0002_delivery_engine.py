"""The delivery engine: when a lane wakes, and what comes first in it."""

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
