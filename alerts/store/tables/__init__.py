"""The schema, one for both databases.

Times are microseconds since 1970 UTC, scores hundredths of a point, secrets ciphertext.
"""

from alerts.store.tables.access import apps, counters, keyring, keys, stored_answers
from alerts.store.tables.attempts import attempts
from alerts.store.tables.base import EPOCH, MICROSECOND, Instant, metadata
from alerts.store.tables.deliveries import deliveries, events, lanes, pools, refusals
from alerts.store.tables.endpoints import (
    digests,
    endpoint_secrets,
    endpoints,
    links,
    mutes,
    removed_endpoints,
    replays,
    subscriptions,
)
from alerts.store.tables.grades import (
    budgets,
    cycle_rows,
    cycles,
    grades,
    ratings,
    rejected_rows,
    source_states,
    sweep_pages,
    sweeps,
    tokens,
    tracks,
    watermarks,
)

__all__ = [
    "EPOCH",
    "MICROSECOND",
    "Instant",
    "apps",
    "attempts",
    "budgets",
    "counters",
    "cycle_rows",
    "cycles",
    "deliveries",
    "digests",
    "endpoint_secrets",
    "endpoints",
    "events",
    "grades",
    "keyring",
    "keys",
    "lanes",
    "links",
    "metadata",
    "mutes",
    "pools",
    "ratings",
    "refusals",
    "rejected_rows",
    "removed_endpoints",
    "replays",
    "source_states",
    "stored_answers",
    "subscriptions",
    "sweep_pages",
    "sweeps",
    "tokens",
    "tracks",
    "watermarks",
]
