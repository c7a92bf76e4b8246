"""Sweeps, cycles, ratings and the history of grades."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from alerts.store.tables.base import Instant, metadata

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
    Column("asked", LargeBinary),
    Column("news_at", Instant),
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
    Column("clock_skew_seconds", Integer),
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
    Column("unread", LargeBinary),
    Column("asked", LargeBinary),
    Column("lacks", String(64)),
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
    # Identity, symbol and name, folded: the two databases fold no letters alike but ASCII.
    Column("search_text", Text, nullable=False, server_default=""),
    Column("former_symbol", String(120)),
    Column("renamed_at", Instant),
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
    Column("pending", JSON(none_as_null=True)),
    Column("swings", JSON(none_as_null=True)),
    Column("slack_up", Integer, nullable=False, server_default="0"),
    Column("slack_down", Integer, nullable=False, server_default="0"),
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


Index("ix_grades_as_of", grades.c.as_of)


# How far a score went within the longest window, as of its newest line. state: MessagePack; what
# is lost is made of the history, and what is old goes on with it.
tracks = Table(
    "tracks",
    metadata,
    Column("token", String(100), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)
