"""Moves within a window: rules that name a size, events that pass it, and how far scores went."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _windows()
    _crossed()


def _windows() -> None:
    op.add_column("subscriptions", sa.Column("within", sa.String(length=16)))
    for name in ("rise", "fall"):
        op.add_column("subscriptions", sa.Column(name, sa.Integer()))
    has_one = sa.text("within IS NOT NULL")
    op.create_index(
        "ix_subscriptions_windows",
        "subscriptions",
        ["kind", "token", "endpoint_id", "within", "rise", "fall"],
        sqlite_where=has_one,
        postgresql_where=has_one,
    )
    op.add_column("events", sa.Column("within", sa.String(length=16)))
    op.create_table(
        "tracks",
        sa.Column("token", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("token", "kind", name=op.f("pk_tracks")),
    )


def _crossed() -> None:
    has_crossed = sa.text("crossed_from IS NOT NULL")
    op.create_index(
        "ix_events_crossed",
        "events",
        ["cycle_id", "kind", "crossed_from", "crossed_to"],
        sqlite_where=has_crossed,
        postgresql_where=has_crossed,
    )
