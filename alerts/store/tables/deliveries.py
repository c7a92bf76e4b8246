"""Events, lanes and deliveries."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    FetchedValue,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from alerts.store.tables.base import Instant, metadata

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
    # Of a crossing: `Crossing` in alerts/domain/events.py.
    Column("crossed_from", Integer),
    Column("crossed_to", Integer),
    Column("within", String(16)),
    # Of the token's other grade, as it was held then.
    Column("other_score", Integer),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # The event that this one corrects.
    Column("corrects", String(40)),
    # Of an event for an app: the last endpoint that it is owed to; null when it is to all.
    Column("owed_after", String(40)),
)


Index(
    "ix_events_corrects",
    events.c.corrects,
    events.c.cycle_id,
    sqlite_where=events.c.corrects.is_not(None),
    postgresql_where=events.c.corrects.is_not(None),
)


Index("ix_events_cycle_id", events.c.cycle_id)


# What is told by a rule alone.
Index(
    "ix_events_crossed",
    events.c.cycle_id,
    events.c.kind,
    events.c.crossed_from,
    events.c.crossed_to,
    sqlite_where=events.c.crossed_from.is_not(None),
    postgresql_where=events.c.crossed_from.is_not(None),
)


Index(
    "ix_events_owed_after",
    events.c.sequence,
    sqlite_where=events.c.owed_after.is_not(None),
    postgresql_where=events.c.owed_after.is_not(None),
)


Index("ix_events_at", events.c.at, events.c.kind)


# Few have an audience with a name.
Index(
    "ix_events_audience_id",
    events.c.audience_id,
    sqlite_where=events.c.audience_id.is_not(None),
    postgresql_where=events.c.audience_id.is_not(None),
)


Index("ix_events_recorded_at", events.c.recorded_at)


Index("ix_events_token", events.c.token, events.c.kind, events.c.sequence)


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
    # How the endpoint does: `Health` in alerts/domain/health.py.
    Column("recent", BigInteger, nullable=False, server_default="1"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("trips", Integer, nullable=False, server_default="0"),
    Column("opened_at", Instant),
    Column("failing_since", Instant),
    Column("failing_attempts", Integer, nullable=False, server_default="0"),
    Column("warned_at", Instant),
    # The latest of due_at, lease_until, held_until and next_slot_at; null while nothing is due.
    Column("wakes_at", Instant, FetchedValue()),
)


Index(
    "ix_lanes_wakes_at",
    lanes.c.wakes_at,
    sqlite_where=lanes.c.wakes_at.is_not(None),
    postgresql_where=lanes.c.wakes_at.is_not(None),
)


Index(
    "ix_lanes_lease_until",
    lanes.c.lease_until,
    sqlite_where=lanes.c.lease_id.is_not(None),
    postgresql_where=lanes.c.lease_id.is_not(None),
)


# Platforms that refuse our own bot, each as long as it does.
refusals = Table(
    "refusals",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("since", Instant, nullable=False),
)


# Lanes whose platform limits are shared: one worker at a time sends them all.
pools = Table(
    "pools",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("lease_id", String(40)),
    Column("lease_until", Instant),
    Column("next_slot_at", Instant),
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
    # As of its event.
    Column("corrects", String(40)),
    # The last one that brought it back.
    Column("replay_id", String(40)),
    # Its endpoint's app; written with the row, null in none.
    Column("app_id", String(40)),
    # What the last attempt was answered with.
    Column("status_code", Integer),
    Column("expunged_at", Instant),
    # State, kind, reason and status code in one word, a space between them.
    Column("facet", Text, FetchedValue()),
    UniqueConstraint("event_id", "endpoint_id"),
)


# What waits in a lane, in two lines: first attempts in order of their events, and behind them
# retries and what was asked for by hand, in order of their due times. Written out, for an index
# is used only where a query says the same words.
IS_FRESH: Final = "state = 'pending' AND position = 0 AND trigger = 'schedule'"
IS_LATER: Final = "state = 'pending' AND (position > 0 OR trigger <> 'schedule')"
# All but first attempts that wait: fan-out writes none of it.
IS_LOGGED: Final = "state <> 'pending' OR position > 0 OR trigger <> 'schedule'"


Index(
    "ix_deliveries_fresh",
    deliveries.c.endpoint_id,
    deliveries.c.sequence,
    sqlite_where=text(IS_FRESH),
    postgresql_where=text(IS_FRESH),
)


Index(
    "ix_deliveries_later",
    deliveries.c.endpoint_id,
    deliveries.c.due_at,
    sqlite_where=text(IS_LATER),
    postgresql_where=text(IS_LATER),
)


# The log of an endpoint is these and its first attempts that wait, which have an index above.
Index(
    "ix_deliveries_logged",
    deliveries.c.endpoint_id,
    deliveries.c.facet,
    deliveries.c.sequence,
    sqlite_where=text(IS_LOGGED),
    postgresql_where=text(IS_LOGGED),
)


# The log of an app. Fan-out writes it in order, which costs a third of an index that it does not.
Index(
    "ix_deliveries_app_id",
    deliveries.c.app_id,
    deliveries.c.facet,
    deliveries.c.sequence,
    deliveries.c.endpoint_id,
)


# What a replay can bring back, in the words of `replayable`.
ENDED_UNTOLD: Final = "state IN ('dead', 'unknown', 'skipped')"


Index(
    "ix_deliveries_untold",
    deliveries.c.endpoint_id,
    deliveries.c.ended_at,
    sqlite_where=text(ENDED_UNTOLD),
    postgresql_where=text(ENDED_UNTOLD),
)


Index(
    "ix_deliveries_replay_id",
    deliveries.c.replay_id,
    deliveries.c.state,
    sqlite_where=deliveries.c.replay_id.is_not(None),
    postgresql_where=deliveries.c.replay_id.is_not(None),
)


Index(
    "ix_deliveries_leased",
    deliveries.c.lease_id,
    sqlite_where=deliveries.c.lease_id.is_not(None),
    postgresql_where=deliveries.c.lease_id.is_not(None),
)
