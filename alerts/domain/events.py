"""Events: what became of a change, and the bytes that everybody is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from alerts.domain.grades import Cycle, Kind, SourceName, TokenId
from alerts.domain.ids import event_id
from alerts.domain.ratings import BandPolicy, Rating


class EventType(StrEnum):
    """All that Gradebell tells."""

    UPGRADED = "grade.upgraded"
    DOWNGRADED = "grade.downgraded"
    MOVED = "grade.moved"
    INITIATED = "grade.initiated"
    WITHDRAWN = "grade.withdrawn"
    REINSTATED = "grade.reinstated"
    RESTATED = "grade.restated"
    REBASED = "ratings.rebased"
    DIGEST_WEEKLY = "digest.weekly"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_TEST = "endpoint.test"
    SOURCE_FAILING = "source.failing"
    SOURCE_RECOVERED = "source.recovered"
    CYCLE_HELD = "cycle.held"


# What a subscription may ask for. A restatement goes to those who were told what it corrects.
SUBSCRIBABLE: Final = (
    EventType.UPGRADED,
    EventType.DOWNGRADED,
    EventType.MOVED,
    EventType.INITIATED,
    EventType.WITHDRAWN,
    EventType.REINSTATED,
    EventType.REBASED,
)


BAND_CHANGES: Final = frozenset({EventType.UPGRADED, EventType.DOWNGRADED})


class AudienceKind(StrEnum):
    """Whom an event is for."""

    EVERYONE = "everyone"
    APP = "app"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an event is for; id: of the one app or endpoint."""

    kind: AudienceKind
    id: str | None = None


EVERYONE: Final = Audience(AudienceKind.EVERYONE)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has its number.

    at: its `timestamp`, when it happened (for a grade: its `as_of`).
    notches: bands climbed or fallen, unsigned; None where no band changed.
    size: hundredths of a point for `min_delta`; None where there is nothing to measure.
    """

    id: str
    type: EventType
    at: datetime
    audience: Audience
    data: Mapping[str, object]
    source: SourceName | None = None
    kind: Kind | None = None
    token: TokenId | None = None
    notches: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as payloads show it."""

    id: TokenId
    symbol: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class CycleView:
    """The cycle that brought an event, as payloads show it."""

    id: str
    source: SourceName
    kind: Kind
    as_of: datetime


def encode(draft: Draft, *, sequence: int, recorded_at: datetime) -> bytes:
    """The public payload: UTF-8 JSON, made once and stored."""
    payload = {
        "id": draft.id,
        "type": draft.type.value,
        "timestamp": rfc3339(draft.at),
        "recorded_at": rfc3339(recorded_at),
        "sequence": sequence,
        "data": draft.data,
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def grade_event_id(
    event_type: EventType, cycle: Cycle | CycleView, token: TokenId, revision: int
) -> str:
    """The id of a grade's event: however often a cycle is run, the same."""
    as_of = rfc3339(cycle.as_of)
    parts = (event_type.value, cycle.source, cycle.kind.value, token, as_of, revision)
    return event_id(cycle.as_of, *parts)


def grade_event(
    change: "Change", *, token: TokenView, cycle: CycleView, policy: BandPolicy
) -> Draft:
    """The event of one change of one grade."""
    after = change.after
    data: dict[str, object] = {
        **_head(token, cycle.kind),
        "from": _from_view(change.before, policy, until=cycle.as_of),
        "to": _to_view(after, policy),
        **_ladder(policy),
        "notches": change.notches,
        "delta": _delta(change.before, after),
        "components": component_moves(change.before, after),
        "cycle": {"id": cycle.id, "as_of": rfc3339(cycle.as_of)},
        "revises": change.revises,
    }
    return Draft(
        id=change.id,
        type=change.type,
        at=cycle.as_of,
        audience=EVERYONE,
        data=data,
        source=cycle.source,
        kind=cycle.kind,
        token=change.token,
        notches=abs(change.notches) if change.type in BAND_CHANGES else None,
        size=change.size,
    )


def restated_event(
    corrected: Mapping[str, Any],
    *,
    token: TokenView,
    cycle: CycleView,
    policy: BandPolicy,
    score: int,
    rank: int,
    revision: int,
) -> Draft:
    """The correction of an announced event whose grade was restated later.

    corrected: the announced event's payload, parsed. score: hundredths, as restated.
    rank: the band it would have led to.
    """
    told = corrected["data"]
    data: dict[str, object] = {
        **_head(token, cycle.kind),
        "from": told["from"],
        "to": {
            "score": points(score),
            "as_of": rfc3339(cycle.as_of),
            "band": policy.name_of(rank),
            "band_rank": rank,
        },
        "announced": told["to"],
        **_ladder(policy),
        "cycle": {"id": cycle.id, "as_of": rfc3339(cycle.as_of)},
        "corrects": corrected["id"],
    }
    return Draft(
        id=grade_event_id(EventType.RESTATED, cycle, token.id, revision),
        type=EventType.RESTATED,
        at=cycle.as_of,
        audience=EVERYONE,
        data=data,
        source=cycle.source,
        kind=cycle.kind,
        token=token.id,
    )


def rebased_event(cycle: CycleView, *, old_version: int, policy: BandPolicy, ratings: int) -> Draft:
    """One event for a whole new ladder. ratings: how many were put on it."""
    data: dict[str, object] = {
        "source": cycle.source,
        "kind": cycle.kind.value,
        "from_band_version": old_version,
        "to_band_version": policy.version,
        "bands": [
            {"band": name, "band_rank": rank, "from_score": points(edge)}
            for rank, (name, edge) in enumerate(
                zip(policy.names, (0, *policy.edges), strict=True), start=1
            )
        ],
        "ratings": ratings,
        "cycle": {"id": cycle.id, "as_of": rfc3339(cycle.as_of)},
    }
    parts = (EventType.REBASED.value, cycle.source, cycle.kind.value, policy.version)
    identity = event_id(cycle.as_of, *parts)
    return Draft(
        id=identity,
        type=EventType.REBASED,
        at=cycle.as_of,
        audience=EVERYONE,
        data=data,
        source=cycle.source,
        kind=cycle.kind,
    )


def rating_told(token: TokenId, payload: Mapping[str, Any]) -> Rating | None:
    """The rating as it was before an announced change, out of its payload."""
    seen = payload["data"]["from"]
    if seen is None:
        return None
    return Rating(
        token=token,
        rank=seen["band_rank"],
        since=datetime.fromisoformat(seen["since"]),
        score=round(seen["score"] * 100),
        as_of=datetime.fromisoformat(seen["as_of"]),
        anchor=round(seen["anchor"] * 100),
    )


def component_moves(before: Rating | None, after: Rating | None) -> list[Mapping[str, object]]:
    """Each component's move, the largest first, unknown ones last and null."""
    old = dict(before.components) if before is not None else {}
    new = dict(after.components) if after is not None else {}
    moves = []
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        moved = None if was is None or now is None else now - was
        row: Mapping[str, object] = {
            "name": name,
            "from": points(was),
            "to": points(now),
            "delta": points(moved),
        }
        moves.append((-1 if moved is None else abs(moved), row))
    return [row for _, row in sorted(moves, key=lambda move: -move[0])]


def points(hundredths: int | None) -> float | None:
    """Hundredths of a point as a number of points."""
    return None if hundredths is None else hundredths / 100


def rfc3339(moment: datetime) -> str:
    """A time as the API writes it: UTC with Z, fractions only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _head(token: TokenView, kind: Kind) -> dict[str, object]:
    view = {"id": token.id, "symbol": token.symbol, "name": token.name}
    if token.url is not None:
        view["url"] = token.url
    return {"token": view, "kind": kind.value}


def _ladder(policy: BandPolicy) -> dict[str, object]:
    return {"bands": len(policy.names), "band_version": policy.version}


def _from_view(rating: Rating | None, policy: BandPolicy, *, until: datetime) -> object:
    if rating is None:
        return None
    return {
        "score": points(rating.score),
        "as_of": rfc3339(rating.as_of),
        "band": policy.name_of(rating.rank),
        "band_rank": rating.rank,
        "since": rfc3339(rating.since),
        "held_days": (until - rating.since).days,
        "anchor": points(rating.anchor),
    }


def _to_view(rating: Rating | None, policy: BandPolicy) -> object:
    if rating is None:
        return None
    return {
        "score": points(rating.score),
        "as_of": rfc3339(rating.as_of),
        "band": policy.name_of(rating.rank),
        "band_rank": rating.rank,
    }


def _delta(before: Rating | None, after: Rating | None) -> float | None:
    if before is None or after is None:
        return None
    return points(after.score - before.score)
