"""Digests: the net changes of one endpoint's local week, and the payload that tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.domain.events import Audience, AudienceKind, Draft, EventType, points, rfc3339
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ids import event_id
from alerts.domain.payloads import TokenView


@dataclass(frozen=True, slots=True)
class Rung:
    """Where a token stood on its ladder. score: hundredths of a point; rank: 1 is the lowest."""

    band: str
    rank: int
    score: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One token in a digest, of one kind.

    before: at the start of the week; None where it was not graded then. after: at its end; None
    where it is no longer graded. moves: how often its band changed between.
    In `highest` and `stale` there is an `after` alone; in `corrections` before is what was
    announced, and after what it should have been.
    watched: the endpoint names it, rather than taking all.
    """

    token: TokenView
    before: Rung | None
    after: Rung | None
    moves: int = 0
    watched: bool = False

    @property
    def notches(self) -> int:
        """Bands climbed (positive) or fallen over the week; 0 where one end is missing."""
        if self.before is None or self.after is None:
            return 0
        return self.after.rank - self.before.rank

    @property
    def delta(self) -> int | None:
        """Hundredths of a point gained or lost over the week."""
        if self.before is None or self.after is None:
            return None
        return self.after.score - self.before.score


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together, the first to be told first. total: all there are, shown or not.

    `total - len(lines)` is the "and 7 more".
    """

    lines: tuple[Line, ...] = ()
    total: int = 0

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.lines)


@dataclass(frozen=True, slots=True)
class KindDigest:
    """The week of one kind.

    bands: the ladder's names, lowest first. tokens: how many are graded at the end of the week.
    as_of: of the newest of their grades; None where there are none.
    moved: net changes of score within a band. returned: the band changed, and changed back.
    initiated: first graded, or graded again. stale: graded, but not lately.
    watched: what changed of the tokens that the endpoint names, whichever way.
    shares_before, shares_after: tokens on each band, a week ago and now, lowest band first.
    rebased: the ladder itself changed within the week.
    """

    kind: Kind
    bands: tuple[str, ...]
    tokens: int
    as_of: datetime | None = None
    upgrades: Section = Section()
    downgrades: Section = Section()
    moved: Section = Section()
    returned: Section = Section()
    initiated: Section = Section()
    withdrawn: Section = Section()
    corrections: Section = Section()
    highest: Section = Section()
    stale: Section = Section()
    watched: Section = Section()
    shares_before: tuple[int, ...] = ()
    shares_after: tuple[int, ...] = ()
    rebased: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether none of its grades is fresh: its source has fallen silent."""
        return 0 < self.tokens == self.stale.total

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed: what stands high, or still, is no change."""
        return not self.rebased and not any(getattr(self, name).total for name in CHANGES)


@dataclass(frozen=True, slots=True)
class Window:
    """Which week it is, and the events that it is of.

    period: the local ISO week of its scheduled moment, such as 2026-W47. weeks: scheduled
    moments that it stands for; more than one where some were missed.
    starts_at: the scheduled moment of the one before; ends_at: its own. time_zone: IANA name.
    Its events are numbered above from_sequence, up to and with through_sequence.
    """

    period: str
    weeks: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    from_sequence: int
    through_sequence: int


@dataclass(frozen=True, slots=True)
class Digest(Window):
    """The week of one endpoint: what its window came to, kind by kind."""

    kinds: tuple[KindDigest, ...]

    @property
    def has_grades(self) -> bool:
        """Whether anything is graded at all, so that there is something to draw."""
        return any(kind.tokens for kind in self.kinds)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed in any kind."""
        return all(kind.is_empty for kind in self.kinds)


# The sections of a kind that tell a change; the others show how things stand.
CHANGES: Final = (
    "upgrades",
    "downgrades",
    "moved",
    "returned",
    "initiated",
    "withdrawn",
    "corrections",
)
SECTIONS: Final = (*CHANGES, "highest", "stale")


def digest_event(digest: Digest, endpoint_id: str) -> Draft:
    """The event of a digest: one for each endpoint and period."""
    identity = event_id(digest.ends_at, EventType.DIGEST_WEEKLY.value, endpoint_id, digest.period)
    return Draft(
        id=identity,
        type=EventType.DIGEST_WEEKLY,
        at=digest.ends_at,
        audience=Audience(AudienceKind.ENDPOINT, endpoint_id),
        data=digest_data(digest),
    )


def digest_data(digest: Digest) -> dict[str, object]:
    """A digest as its event's `data`."""
    return {
        "period": digest.period,
        "weeks": digest.weeks,
        "starts_at": rfc3339(digest.starts_at),
        "ends_at": rfc3339(digest.ends_at),
        "time_zone": digest.time_zone,
        "from_sequence": digest.from_sequence,
        "through_sequence": digest.through_sequence,
        "kinds": [_kind_data(kind) for kind in digest.kinds],
    }


def read_digest(data: Mapping[str, Any]) -> Digest:
    """The digest that an event's `data` holds; of `digest_data` the inverse."""
    return Digest(
        period=data["period"],
        weeks=data["weeks"],
        starts_at=datetime.fromisoformat(data["starts_at"]),
        ends_at=datetime.fromisoformat(data["ends_at"]),
        time_zone=data["time_zone"],
        from_sequence=data["from_sequence"],
        through_sequence=data["through_sequence"],
        kinds=tuple(_read_kind(kind) for kind in data["kinds"]),
    )


def _kind_data(kind: KindDigest) -> dict[str, object]:
    return {
        "kind": kind.kind.value,
        "bands": list(kind.bands),
        "tokens": kind.tokens,
        "as_of": None if kind.as_of is None else rfc3339(kind.as_of),
        **{name: _section_data(getattr(kind, name)) for name in SECTIONS},
        "watched": _section_data(kind.watched),
        "shares": {"from": list(kind.shares_before), "to": list(kind.shares_after)},
        "rebased": kind.rebased,
    }


def _section_data(section: Section) -> dict[str, object]:
    return {"total": section.total, "rows": [_line_data(line) for line in section.lines]}


def _line_data(line: Line) -> dict[str, object]:
    token: dict[str, object] = {
        "id": line.token.id,
        "symbol": line.token.symbol,
        "name": line.token.name,
    }
    if line.token.url is not None:
        token["url"] = line.token.url
    return {
        "token": token,
        "from": _rung_data(line.before),
        "to": _rung_data(line.after),
        "notches": line.notches,
        "delta": points(line.delta),
        "moves": line.moves,
        "watched": line.watched,
    }


def _rung_data(rung: Rung | None) -> dict[str, object] | None:
    if rung is None:
        return None
    return {
        "score": points(rung.score),
        "as_of": rfc3339(rung.as_of),
        "band": rung.band,
        "band_rank": rung.rank,
    }


def _read_kind(data: Mapping[str, Any]) -> KindDigest:
    as_of = data.get("as_of")
    return KindDigest(
        kind=Kind(data["kind"]),
        bands=tuple(data["bands"]),
        tokens=data["tokens"],
        as_of=None if as_of is None else datetime.fromisoformat(as_of),
        **{name: _read_section(data[name]) for name in SECTIONS},
        # Events of earlier releases have none.
        watched=_read_section(data.get("watched", {"rows": (), "total": 0})),
        shares_before=tuple(data["shares"]["from"]),
        shares_after=tuple(data["shares"]["to"]),
        rebased=data["rebased"],
    )


def _read_section(data: Mapping[str, Any]) -> Section:
    return Section(tuple(_read_line(row) for row in data["rows"]), data["total"])


def _read_line(row: Mapping[str, Any]) -> Line:
    token = row["token"]
    return Line(
        token=TokenView(TokenId(token["id"]), token["symbol"], token["name"], token.get("url")),
        before=read_rung(row["from"]),
        after=read_rung(row["to"]),
        moves=row["moves"],
        watched=row["watched"],
    )


def read_rung(view: Mapping[str, Any] | None) -> Rung | None:
    """A rung out of a payload's `from`, `to` or `announced`."""
    if view is None:
        return None
    return Rung(
        band=view["band"],
        rank=view["band_rank"],
        score=round(view["score"] * 100),
        as_of=datetime.fromisoformat(view["as_of"]),
    )
