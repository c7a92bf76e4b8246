"""The schema, one for both databases.

Times are microseconds since 1970 UTC, scores hundredths of a point, secrets ciphertext.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as microseconds: exact, sortable, and the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


watermarks = Table(
    "watermarks",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("as_of", Instant),
    Column("first_as_of", Instant),
    Column("reference", Integer),
    Column("cycle_id", String(40)),
    Column("accepted_at", Instant),
    Column("band_version", Integer),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

keyring = Table(
    "keyring",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("next_page", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
Index("ix_sweeps_source_kind", sweeps.c.source, sweeps.c.kind, sweeps.c.started_at)
Index(
    "uq_sweeps_open",
    sweeps.c.source,
    sweeps.c.kind,
    unique=True,
    sqlite_where=sweeps.c.state == "fetching",
    postgresql_where=sweeps.c.state == "fetching",
)

sweep_pages = Table(
    "sweep_pages",
    metadata,
    Column("sweep_id", String(40), primary_key=True),
    Column("page", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("fetched_at", Instant, nullable=False),
)

source_states = Table(
    "source_states",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", Instant, nullable=False),
    Column("detail", Text),
    Column("checked_at", Instant, nullable=False),
    Column("announced", Boolean, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("period", String(16), primary_key=True),
    Column("starts_at", Instant, nullable=False),
    Column("spent", Integer, nullable=False),
)

cycles = Table(
    "cycles",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("hold_reason", String(32)),
    Column("tokens", Integer, nullable=False),
    Column("graded", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("fan_out_after", String(40)),
    Column("received_at", Instant, nullable=False),
    Column("diffed_at", Instant),
    Column("done_at", Instant),
)
Index("ix_cycles_identity", cycles.c.source, cycles.c.kind, cycles.c.as_of)
Index(
    "ix_cycles_open",
    cycles.c.state,
    cycles.c.id,
    sqlite_where=cycles.c.state.in_(("received", "sealed", "diffed", "held")),
    postgresql_where=cycles.c.state.in_(("received", "sealed", "diffed", "held")),
)

cycle_rows = Table(
    "cycle_rows",
    metadata,
    Column("cycle_id", String(40), primary_key=True),
    Column("rows", LargeBinary, nullable=False),
)

rejected_rows = Table(
    "rejected_rows",
    metadata,
    Column("cycle_id", String(40), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("token_id", String(120)),
    Column("problem", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("symbol", String(120), nullable=False),
    Column("symbol_folded", String(120), nullable=False, index=True),
    Column("name", String(120), nullable=False),
    Column("first_seen_at", Instant, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("token", String(100), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("score", Integer, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("anchor", Integer, nullable=False),
    Column("label", String(120)),
    Column("components", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("event_id", String(40)),
    Column("absent_cycles", Integer, nullable=False),
    Column("absent_since", Instant),
    Column("absent_as_of", Instant),
    Column("withdrawn", Boolean, nullable=False),
)
Index("ix_ratings_source_kind", ratings.c.source, ratings.c.kind)

grades = Table(
    "grades",
    metadata,
    Column("token", String(100), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("as_of", Instant, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("score", Integer, nullable=False),
    Column("label", String(120)),
    Column("components", JSON, nullable=False),
    Column("cycle_id", String(40), nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("type", String(32), nullable=False),
    Column("type_bit", Integer, nullable=False),
    Column("audience", String(16), nullable=False),
    Column("audience_id", String(40)),
    Column("source", String(32)),
    Column("kind", String(16)),
    Column("token", String(100)),
    Column("cycle_id", String(40)),
    Column("notches", Integer),
    Column("size", Integer),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("ix_events_cycle_id", events.c.cycle_id)
Index("ix_events_at", events.c.at, events.c.kind)
Index("ix_events_token", events.c.token, events.c.kind, events.c.sequence)

apps = Table(
    "apps",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(120), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("app_id", String(40), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("hint", String(16), nullable=False),
    Column("description", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

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
    Column("rate_limit", Float),
    Column("order", String(16), nullable=False),
    Column("time_to_live_seconds", Integer, nullable=False),
    Column("headers", LargeBinary),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("app_id", "channel", "address_hash"),
)
Index("ix_endpoints_app_id", endpoints.c.app_id, endpoints.c.id)

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
)
Index(
    "ix_subscriptions_token",
    subscriptions.c.token,
    subscriptions.c.kind,
    subscriptions.c.endpoint_id,
)
Index(
    "uq_subscriptions_endpoint",
    subscriptions.c.endpoint_id,
    func.coalesce(subscriptions.c.token, ""),
    subscriptions.c.kind,
    unique=True,
)

lanes = Table(
    "lanes",
    metadata,
    Column("endpoint_id", String(40), primary_key=True),
    Column("pool", String(64)),
    Column("due_at", Instant),
    Column("lease_id", String(40)),
    Column("lease_until", Instant),
    Column("next_slot_at", Instant),
    Column("held_until", Instant),
)
Index(
    "ix_lanes_due_at",
    lanes.c.due_at,
    sqlite_where=lanes.c.due_at.is_not(None),
    postgresql_where=lanes.c.due_at.is_not(None),
)
Index(
    "ix_lanes_lease_until",
    lanes.c.lease_until,
    sqlite_where=lanes.c.lease_id.is_not(None),
    postgresql_where=lanes.c.lease_id.is_not(None),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("event_id", String(40), nullable=False),
    Column("endpoint_id", String(40), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("token", String(100)),
    Column("kind", String(16)),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("deferred_reason", String(32)),
    Column("trigger", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("position", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("lease_id", String(40)),
    Column("started_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("event_id", "endpoint_id"),
)
Index("ix_deliveries_endpoint_id", deliveries.c.endpoint_id, deliveries.c.id)
Index(
    "ix_deliveries_waiting",
    deliveries.c.endpoint_id,
    deliveries.c.position,
    deliveries.c.sequence,
    sqlite_where=deliveries.c.state == "pending",
    postgresql_where=deliveries.c.state == "pending",
)
Index(
    "ix_deliveries_leased",
    deliveries.c.lease_id,
    sqlite_where=deliveries.c.lease_id.is_not(None),
    postgresql_where=deliveries.c.lease_id.is_not(None),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("delivery_id", String(40), nullable=False, index=True),
    Column("send_id", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("position", Integer, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32)),
    Column("status_code", Integer),
    Column("response_body", LargeBinary),
    Column("truncated", Boolean, nullable=False),
    Column("remote_address", String(64)),
    Column("timings_ms", JSON, nullable=False),
    Column("secret_ids", JSON, nullable=False),
    Column("provider_id", String(120)),
    Column("effect", String(32)),
    Column("detail", Text),
    Column("worker", String(64), nullable=False),
)
