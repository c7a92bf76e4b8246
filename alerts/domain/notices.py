"""Notices: events about the service itself, for its operator, an app, or one endpoint."""

from collections.abc import Mapping
from datetime import datetime

from alerts.domain.deliveries import Channel, DisableReason
from alerts.domain.events import Audience, CycleView, Draft, EventType, rfc3339
from alerts.domain.grades import Kind, SourceName
from alerts.domain.health import CLOSED_AFTER, Health
from alerts.domain.ids import event_id
from alerts.domain.ratings import HoldReason


def cycle_held_event(
    cycle: CycleView,
    *,
    at: datetime,
    audience: Audience,
    reason: HoldReason,
    graded: int,
    reference: int | None,
    field: str | None = None,
) -> Draft:
    """The operator is told that a cycle waits for a decision. at: now. field: that no row had."""
    data = {
        "cycle": {"id": cycle.id, "as_of": rfc3339(cycle.as_of)},
        "source": cycle.source,
        "kind": cycle.kind.value,
        "reason": reason.value,
        "graded": graded,
        "reference": reference,
        "field": field,
    }
    identity = event_id(at, EventType.CYCLE_HELD.value, cycle.id)
    return Draft(
        id=identity,
        type=EventType.CYCLE_HELD,
        at=at,
        audience=audience,
        data=data,
        source=cycle.source,
        kind=cycle.kind,
    )


def source_event(
    event_type: EventType,
    *,
    source: SourceName,
    kind: Kind,
    at: datetime,
    audience: Audience,
    state: str,
    detail: str | None,
) -> Draft:
    """`source.failing` or `source.recovered`. at: since when it is so."""
    data = {
        "source": source,
        "kind": kind.value,
        "state": state,
        "since": rfc3339(at),
        "detail": detail,
    }
    identity = event_id(at, event_type.value, source, kind.value, rfc3339(at))
    return Draft(
        id=identity,
        type=event_type,
        at=at,
        audience=audience,
        data=data,
        source=source,
        kind=kind,
    )


def channel_event(
    event_type: EventType,
    channel: Channel,
    *,
    at: datetime,
    audience: Audience,
    detail: str | None = None,
) -> Draft:
    """`channel.failing` or `channel.recovered`, of our bot on a platform. at: since when."""
    data = {
        "channel": channel.value,
        "state": "forbidden" if event_type is EventType.CHANNEL_FAILING else "ok",
        "since": rfc3339(at),
        "detail": detail,
    }
    identity = event_id(at, event_type.value, channel.value, rfc3339(at))
    return Draft(id=identity, type=event_type, at=at, audience=audience, data=data)


def endpoint_failing_event(
    endpoint_id: str, description: str, *, at: datetime, audience: Audience, health: Health
) -> Draft:
    """`endpoint.failing`: half-way to the closing of an endpoint; one for each spell. at: now."""
    since = health.failing_since or at
    data = {
        "endpoint": {"id": endpoint_id, "description": description},
        **_spell(health),
        "disables_at": rfc3339(since + CLOSED_AFTER),
    }
    identity = event_id(since, EventType.ENDPOINT_FAILING.value, endpoint_id, rfc3339(since))
    return Draft(id=identity, type=EventType.ENDPOINT_FAILING, at=at, audience=audience, data=data)


def endpoint_disabled_event(
    endpoint_id: str,
    description: str,
    *,
    at: datetime,
    audience: Audience,
    reason: DisableReason,
    health: Health | None = None,
) -> Draft:
    """`endpoint.disabled`: we closed an endpoint. at: now. health: of one that was failing."""
    data = {
        "endpoint": {"id": endpoint_id, "description": description},
        "reason": reason.value,
        "since": rfc3339(at),
        "failing": None if health is None else _spell(health),
    }
    identity = event_id(at, EventType.ENDPOINT_DISABLED.value, endpoint_id, rfc3339(at))
    return Draft(id=identity, type=EventType.ENDPOINT_DISABLED, at=at, audience=audience, data=data)


def _spell(health: Health) -> dict[str, object]:
    since, share = health.failing_since, health.failing_share
    return {
        "since": None if since is None else rfc3339(since),
        "attempts": health.failing_attempts,
        "success_share": None if share is None else round(share, 4),
    }


def test_event(
    identity: str, *, at: datetime, audience: Audience, example: Mapping[str, object] | None
) -> Draft:
    """A test send. example: the data of a real past change, where there is one."""
    data: dict[str, object] = {"test": True, **(example or {"message": "It works."})}
    return Draft(id=identity, type=EventType.ENDPOINT_TEST, at=at, audience=audience, data=data)
