"""Discord: weekly digests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _digests()


def _digests() -> None:
    """Each endpoint's weeks, told or passed over, and when the next one is due."""
    op.create_table(
        "digests",
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("weeks", sa.Integer(), nullable=False),
        sa.Column("scheduled_at", sa.BigInteger(), nullable=False),
        sa.Column("from_sequence", sa.BigInteger(), nullable=False),
        sa.Column("through_sequence", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("endpoint_id", "period", name=op.f("pk_digests")),
    )
    op.create_index("ix_digests_scheduled_at", "digests", ["scheduled_at"])
    op.add_column("endpoints", sa.Column("digest_due_at", sa.BigInteger()))
    has_digest = sa.text("digest IS NOT NULL")
    op.create_index(
        "ix_endpoints_digest_due_at",
        "endpoints",
        ["digest_due_at"],
        sqlite_where=has_digest,
        postgresql_where=has_digest,
    )
