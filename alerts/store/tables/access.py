"""Apps, keys, stored answers and counters."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    LargeBinary,
    String,
    Table,
)

from alerts.store.tables.base import Instant, metadata

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


# id and fingerprint are hashes, the answer is ciphertext: a key of ours may be shown in it.
stored_answers = Table(
    "stored_answers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("app_id", String(40), nullable=False, index=True),
    Column("fingerprint", String(64), nullable=False),
    Column("lease_id", String(40), nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("answer", LargeBinary),
    Column("created_at", Instant, nullable=False, index=True),
)
