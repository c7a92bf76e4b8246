"""Chats, sources, ratings, and what endpoints ask for: quiet hours, cooldowns, thresholds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _quiet_hours()
    _mutes()
    _addresses()
    _sources()
    _names()
    _refusals()
    _ratings()
    _cooldowns()
    _thresholds()
    _conditions()


def _quiet_hours() -> None:
    """The zone that a chat is in, and the hours of its day in which it is told nothing."""
    op.add_column("endpoints", sa.Column("time_zone", sa.String(length=64)))
    op.add_column("endpoints", sa.Column("quiet_hours", sa.JSON()))


def _mutes() -> None:
    """Tokens, or all of them, that an endpoint is not told of until then."""
    op.create_table(
        "mutes",
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("token", sa.String(length=100), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "token", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_until"), "mutes", ["until"])


def _addresses() -> None:
    """A chat may be an endpoint of several apps."""
    op.create_index("ix_endpoints_address_hash", "endpoints", ["address_hash"])


def _sources() -> None:
    """How far a source's clock is off; what it was asked for, what its rows lacked, its last news.

    asked: MessagePack, a list of tokens; null: all there are.
    """
    op.add_column("source_states", sa.Column("clock_skew_seconds", sa.Integer()))
    op.add_column("cycle_rows", sa.Column("asked", sa.LargeBinary()))
    op.add_column("cycle_rows", sa.Column("lacks", sa.String(length=64)))
    op.add_column("watermarks", sa.Column("asked", sa.LargeBinary()))
    op.add_column("watermarks", sa.Column("news_at", sa.BigInteger()))


def _refusals() -> None:
    """Platforms that refuse our own bot, each as long as it does."""
    op.create_table(
        "refusals",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_refusals")),
    )


def _ratings() -> None:
    """The change of band that waits to be confirmed, and how the band went to and fro."""
    op.add_column("ratings", sa.Column("pending", sa.JSON()))
    op.add_column("ratings", sa.Column("swings", sa.JSON()))


def _cooldowns() -> None:
    """For how long an endpoint is told nothing more of a token and kind."""
    op.add_column("endpoints", sa.Column("cooldown_seconds", sa.Integer()))


def _names() -> None:
    """What a token was called before, and since when it is called otherwise."""
    op.add_column("tokens", sa.Column("former_symbol", sa.String(length=120)))
    op.add_column("tokens", sa.Column("renamed_at", sa.BigInteger()))


def _thresholds() -> None:
    """Scores that are told when they are crossed, and how far each rating is from crossing them."""
    for name in ("above", "below"):
        op.add_column("subscriptions", sa.Column(name, sa.Integer()))
    is_named = sa.text("above IS NOT NULL OR below IS NOT NULL")
    op.create_index(
        "ix_subscriptions_thresholds",
        "subscriptions",
        ["kind", "token", "endpoint_id", "above", "below"],
        sqlite_where=is_named,
        postgresql_where=is_named,
    )
    for name in ("crossed_from", "crossed_to"):
        op.add_column("events", sa.Column(name, sa.Integer()))
    for name in ("slack_up", "slack_down"):
        slack = sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        op.add_column("ratings", slack)


def _conditions() -> None:
    """What the other grade of a token must be, and what it was at an event."""
    for name in ("other_at_least", "other_below"):
        op.add_column("subscriptions", sa.Column(name, sa.Integer()))
    op.add_column("events", sa.Column("other_score", sa.Integer()))
