"""Endpoints, their secrets and their subscriptions; what was asked to be sent to them again."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    func,
    text,
)

from alerts.store.tables.base import Instant, metadata

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("app_id", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("address_hash", String(64), nullable=False),
    Column("description", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("disabled_reason", String(32)),
    Column("state_since", Instant, nullable=False),
    Column("filter", JSON, nullable=False),
    Column("digest", JSON(none_as_null=True)),
    # When its next digest is told; null where it has none, or was not planned yet.
    Column("digest_due_at", Instant),
    Column("rate_limit", Float),
    Column("order", String(16), nullable=False),
    Column("time_to_live_seconds", Integer, nullable=False),
    Column("retry_schedule_seconds", JSON(none_as_null=True)),
    Column("headers", LargeBinary),
    # An IANA name; null: none was chosen.
    Column("time_zone", String(64)),
    # `QuietHours` in alerts/domain/quiet.py; null: none.
    Column("quiet_hours", JSON(none_as_null=True)),
    Column("cooldown_seconds", Integer),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("app_id", "channel", "address_hash"),
)


Index("ix_endpoints_app_id", endpoints.c.app_id, endpoints.c.id)


# A chat may be an endpoint of several apps.
Index("ix_endpoints_address_hash", endpoints.c.address_hash)


Index(
    "ix_endpoints_digest_due_at",
    endpoints.c.digest_due_at,
    sqlite_where=text("digest IS NOT NULL"),
    postgresql_where=text("digest IS NOT NULL"),
)


# The weeks of an endpoint. Each takes up where the one before ended, so no event is in two or in
# none. scheduled_at: the moment it was due, not that of its telling. event_id: null where nothing
# changed, and nothing was to be said.
digests = Table(
    "digests",
    metadata,
    Column("endpoint_id", String(40), primary_key=True),
    Column("period", String(8), primary_key=True),
    Column("weeks", Integer, nullable=False),
    Column("scheduled_at", Instant, nullable=False, index=True),
    Column("from_sequence", BigInteger, nullable=False),
    Column("through_sequence", BigInteger, nullable=False),
    Column("event_id", String(40)),
)


# Those whose rows in other tables are still being cleared away.
removed_endpoints = Table(
    "removed_endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
)


# What is to be made of whoever opens a link. id: a hash of its code. wish: JSON.
links = Table(
    "links",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("app_id", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("wish", LargeBinary, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)


endpoint_secrets = Table(
    "endpoint_secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("endpoint_id", String(40), nullable=False, index=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
)


subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("endpoint_id", String(40), nullable=False),
    Column("token", String(100)),
    Column("kind", String(16), nullable=False),
    Column("types", Integer, nullable=False),
    Column("min_notches", Integer, nullable=False),
    Column("min_delta", Integer, nullable=False),
    Column("since_sequence", BigInteger, nullable=False),
    Column("above", Integer),
    Column("below", Integer),
    Column("other_at_least", Integer),
    Column("other_below", Integer),
    Column("within", String(16)),
    Column("rise", Integer),
    Column("fall", Integer),
)


Index(
    "ix_subscriptions_token",
    subscriptions.c.token,
    subscriptions.c.kind,
    subscriptions.c.endpoint_id,
)


Index(
    "ix_subscriptions_thresholds",
    subscriptions.c.kind,
    subscriptions.c.token,
    subscriptions.c.endpoint_id,
    subscriptions.c.above,
    subscriptions.c.below,
    sqlite_where=text("above IS NOT NULL OR below IS NOT NULL"),
    postgresql_where=text("above IS NOT NULL OR below IS NOT NULL"),
)


Index(
    "ix_subscriptions_windows",
    subscriptions.c.kind,
    subscriptions.c.token,
    subscriptions.c.endpoint_id,
    subscriptions.c.within,
    subscriptions.c.rise,
    subscriptions.c.fall,
    sqlite_where=text("within IS NOT NULL"),
    postgresql_where=text("within IS NOT NULL"),
)


Index(
    "uq_subscriptions_endpoint",
    subscriptions.c.endpoint_id,
    func.coalesce(subscriptions.c.token, ""),
    subscriptions.c.kind,
    unique=True,
)


# What an endpoint is not told of until then. token: empty for all of them.
mutes = Table(
    "mutes",
    metadata,
    Column("endpoint_id", String(40), primary_key=True),
    Column("token", String(100), primary_key=True),
    Column("until", Instant, nullable=False, index=True),
)


# What was to be sent again, and how far that has come; since and until: of when it ended.
replays = Table(
    "replays",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("endpoint_id", String(40), nullable=False),
    Column("only", String(16)),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("total", Integer, nullable=False),
    Column("brought", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
)


Index("ix_replays_endpoint_id", replays.c.endpoint_id, replays.c.id)


Index(
    "ix_replays_running",
    replays.c.id,
    sqlite_where=text("state = 'running'"),
    postgresql_where=text("state = 'running'"),
)
