"""Attempts: every try at a delivery."""

from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, String, Table, Text

from alerts.store.tables.base import Instant, metadata

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
