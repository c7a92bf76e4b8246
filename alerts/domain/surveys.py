"""Surveys: what the events of a window come to, and how all tokens stood at its ends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.domain.digests import Line, Rung, Window, read_rung
from alerts.domain.events import BAND_CHANGES, BASELINES, EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.payloads import TokenView


@dataclass(frozen=True, slots=True)
class Told:
    """An event about a grade, as far as a digest looks at it. announced: what it corrects."""

    sequence: int
    type: EventType
    kind: Kind
    token: TokenView
    before: Rung | None
    after: Rung | None
    band_version: int
    announced: Rung | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a token's grade was known to be at some moment. score: hundredths of a point."""

    score: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a token stands now, and what its grade was at both ends of a window.

    band, rank: held now; as_of: of the newest grade taken in, which may say what the last one said.
    start, end: None where there was no grade yet.
    """

    token: TokenView
    kind: Kind
    band: str
    rank: int
    as_of: datetime
    withdrawn: bool
    start: Mark | None
    end: Mark | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A kind's bands, lowest first, and the step (hundredths) that makes a move worth telling."""

    bands: tuple[str, ...]
    move_step: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What any digest of one window may tell of one kind, before anybody's wishes.

    nets: one line for each token that something was told of. corrections: one for each.
    starts, ends: where each graded token stood at the ends; starts is None where the ladder
    changed since, so that the two would not compare.
    """

    kind: Kind
    ladder: Ladder
    nets: tuple[Line, ...]
    corrections: tuple[Line, ...]
    starts: Mapping[TokenId, Rung] | None
    ends: tuple[Line, ...]
    rebased: bool


def read_told(event: Mapping[str, Any]) -> Told:
    """A grade's event out of its payload, parsed."""
    data = event["data"]
    token = data["token"]
    return Told(
        sequence=event["sequence"],
        type=EventType(event["type"]),
        kind=Kind(data["kind"]),
        token=TokenView(token["id"], token["symbol"], token["name"], token.get("url")),
        before=read_rung(data["from"]),
        after=read_rung(data["to"]),
        band_version=data["band_version"],
        announced=read_rung(data.get("announced")),
    )


def survey(
    window: Window,
    told: Sequence[Told],
    standings: Iterable[Standing],
    *,
    kind: Kind,
    ladder: Ladder,
    rebases: Sequence[int] = (),
) -> Survey:
    """What happened in a window, of one kind.

    told: all events about grades numbered above its `from_sequence`, in order, those after its
    `through_sequence` too: what was told since says how things stood then.
    rebases: numbers of the events, of as long, by which the kind's ladder changed.
    """
    told = [one for one in told if one.kind is kind]
    standings = [one for one in standings if one.kind is kind]
    within = [one for one in told if one.sequence <= window.through_sequence]
    rebased = any(number <= window.through_sequence for number in rebases)
    starts, ends = _starts(told, window, standings), _ends(told, window, standings)
    nets = _nets(within)
    if not rebases:
        nets = [_at_the_ends(line, starts, ends) for line in nets]
    return Survey(
        kind=kind,
        ladder=ladder,
        nets=tuple(nets),
        corrections=tuple(
            Line(one.token, one.announced, one.after)
            for one in within
            if one.type is EventType.RESTATED
        ),
        starts=None if rebases else starts,
        ends=tuple(
            Line(one.token, None, ends[one.token.id]) for one in standings if one.token.id in ends
        ),
        rebased=rebased,
    )


def _starts(
    told: Sequence[Told], window: Window, standings: Iterable[Standing]
) -> dict[TokenId, Rung]:
    marks = ((one, one.start) for one in standings)
    return _held_at(_first_after(window.from_sequence, told), marks)


def _ends(
    told: Sequence[Told], window: Window, standings: Iterable[Standing]
) -> dict[TokenId, Rung]:
    """A grade that was confirmed without a change is as fresh as one that changed."""
    marks = (
        (
            one,
            one.end and replace(one.end, as_of=max(one.end.as_of, min(one.as_of, window.ends_at))),
        )
        for one in standings
    )
    return _held_at(_first_after(window.through_sequence, told), marks)


def _first_after(sequence: int, told: Iterable[Told]) -> dict[TokenId, Told]:
    """The first thing told of each token after event number `sequence`."""
    since: dict[TokenId, Told] = {}
    for one in told:
        if one.sequence > sequence and one.type is not EventType.RESTATED:
            since.setdefault(one.token.id, one)
    return since


def _held_at(
    since: Mapping[TokenId, Told], marks: Iterable[tuple[Standing, Mark | None]]
) -> dict[TokenId, Rung]:
    """Where each token stood at a moment; who was not graded then is left out.

    since: the first thing told of it after the moment: its `from` says. Where nothing was, it
    stood where it stands.
    """
    held: dict[TokenId, Rung] = {}
    for standing, mark in marks:
        if mark is None:
            continue
        following = since.get(standing.token.id)
        if following is not None:
            rung = None if following.type in BASELINES else following.before
        elif standing.withdrawn:
            rung = None
        else:
            rung = Rung(standing.band, standing.rank, mark.score, mark.as_of)
        if rung is not None:
            held[standing.token.id] = replace(rung, score=mark.score, as_of=mark.as_of)
    return held


def _nets(told: Iterable[Told]) -> list[Line]:
    """What each token's events come to, first `from` to last `to`.

    On another ladder a token begins anew: ranks of two ladders do not compare.
    """
    nets: dict[tuple[TokenId, int], Line] = {}
    for one in told:
        if one.type is EventType.RESTATED:
            continue
        key = (one.token.id, one.band_version)
        so_far = nets.get(key)
        if so_far is None:
            before = None if one.type in BASELINES else one.before
            so_far = Line(one.token, before, None)
        is_move = one.type in BAND_CHANGES
        nets[key] = replace(so_far, token=one.token, after=one.after, moves=so_far.moves + is_move)
    return list(nets.values())


def _at_the_ends(line: Line, starts: Mapping[TokenId, Rung], ends: Mapping[TokenId, Rung]) -> Line:
    """The scores of the week's ends: an event's own are those of the days around it."""
    before, after = line.before, line.after
    start, end = starts.get(line.token.id), ends.get(line.token.id)
    if before is not None and start is not None:
        before = replace(before, score=start.score, as_of=start.as_of)
    if after is not None and end is not None:
        after = replace(after, score=end.score, as_of=end.as_of)
    return replace(line, before=before, after=after)
