"""Payloads: what the event of a change says, made from the ratings before and after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.domain.changes import Change
from alerts.domain.events import (
    BAND_CHANGES,
    EVERYONE,
    Crossing,
    CycleView,
    Draft,
    EventType,
    grade_event_id,
    points,
    rfc3339,
)
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ids import event_id
from alerts.domain.mass import mass_view
from alerts.domain.ratings import BandPolicy, Rating
from alerts.domain.verdicts import readings_needed


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as payloads show it. formerly: the symbol it bore until lately, if it was renamed."""

    id: TokenId
    symbol: str
    name: str
    url: str | None = None
    formerly: str | None = None


def grade_event(
    change: Change,
    *,
    token: TokenView,
    cycle: CycleView,
    policy: BandPolicy,
    other_score: int | None = None,
) -> Draft:
    """The event of one change of one grade. other_score: hundredths, of its token's other grade."""
    before, after, run = change.before, change.after, change.run
    if before is not None and run is not None:
        # A change that had to be confirmed began before the readings that confirmed it.
        before = before._replace(score=run.score, as_of=run.as_of, components=run.components)
    data: dict[str, object] = {
        **_head(token, cycle.kind),
        "from": _from_view(before, policy, until=cycle.as_of),
        "to": _to_view(after, policy),
        **_ladder(policy),
        "notches": change.notches,
        "delta": _delta(before, after),
        "components": component_moves(before, after),
        "cycle": _cycle_view(cycle) | {"mass_move": mass_view(cycle.mass_move)},
        "revises": change.revises,
        **(_noise(change, policy) if change.crossed is None else _ruled(change, change.crossed)),
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
        crossed=change.crossed,
        other_score=other_score,
        window=None if change.stretch is None else change.stretch.window,
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
    """The correction of an announced event whose grade was restated later, or one it rests on.

    corrected: the announced event's payload, parsed. score: hundredths, as restated.
    rank: the band it would have led to. cycle: the late one, which restates.
    """
    told = corrected["data"]
    at = datetime.fromisoformat(corrected["timestamp"])
    identity = grade_event_id(EventType.RESTATED, cycle, token.id, revision=revision)
    if at != cycle.as_of:
        identity = event_id(at, "restated", corrected["id"], rfc3339(cycle.as_of), revision)
    data: dict[str, object] = {
        **_head(token, cycle.kind),
        "from": told["from"],
        "to": {
            "score": points(score),
            "as_of": rfc3339(at),
            "band": policy.name_of(rank),
            "band_rank": rank,
        },
        "announced": told["to"],
        **_ladder(policy),
        "cycle": _cycle_view(cycle),
        "corrects": corrected["id"],
    }
    return Draft(
        id=identity,
        type=EventType.RESTATED,
        at=at,
        audience=EVERYONE,
        data=data,
        source=cycle.source,
        kind=cycle.kind,
        token=token.id,
        corrects=corrected["id"],
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
        "cycle": _cycle_view(cycle),
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


def _readings(seen: Sequence[tuple[datetime, int]]) -> list[dict[str, object]]:
    return [{"score": points(score), "as_of": rfc3339(at)} for at, score in seen]


def _cycle_view(cycle: CycleView) -> dict[str, object]:
    return {"id": cycle.id, "as_of": rfc3339(cycle.as_of)}


def _head(token: TokenView, kind: Kind) -> dict[str, object]:
    view = {"id": token.id, "symbol": token.symbol, "name": token.name}
    if token.url is not None:
        view["url"] = token.url
    if token.formerly is not None:
        view["formerly"] = token.formerly
    return {"token": view, "kind": kind.value}


def _ruled(change: Change, crossed: Crossing) -> dict[str, object]:
    """Of each threshold or size the receiver can tell by itself: nobody is shown another's."""
    over, through = sorted(crossed)
    if change.stretch is not None:
        window, score, as_of = change.stretch
        return {
            "window": {
                "days": window.days,
                "unit": window.unit,
                "over": points(over),
                "through": points(through),
                "from": {"score": points(score), "as_of": rfc3339(as_of)},
            }
        }
    return {
        "crossed": {
            "direction": "up" if crossed.is_upward else "down",
            "over": points(over),
            "through": points(through),
        }
    }


def _noise(change: Change, policy: BandPolicy) -> dict[str, object]:
    """What waited for a change, and whether the band begins or ends to go to and fro with it."""
    said: dict[str, object] = {}
    if change.run is not None and len(change.run.seen) > 1:
        said["confirms"] = _readings(change.run.seen[:-1])
    before, after = change.before, change.after
    if before is None or after is None:
        return said
    denied = _denied(before, after, policy)
    if denied:
        said["denies"] = _readings(denied)
    if after.swings is not None and after.is_flapping:
        said["flapping"] = {
            "reversals": len(after.swings.reversals),
            "since": rfc3339(after.swings.reversals[0]),
            "settles": readings_needed(after, policy),
        }
    elif before.swings is not None and before.swings.flapping_since is not None:
        said["settled"] = {"flapping_since": rfc3339(before.swings.flapping_since)}
    return said


def _denied(before: Rating, after: Rating, policy: BandPolicy) -> list[tuple[datetime, int]]:
    """The readings that waited for one to confirm them, and got another."""
    if before.pending is None:
        return []
    *_, (_, score) = waited = before.pending.seen
    is_upward = policy.rank_held(before.rank, score) > before.rank
    if after.rank != before.rank and is_upward is (after.rank > before.rank):
        return []
    return [reading for reading in waited if reading[0] != after.as_of]


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
