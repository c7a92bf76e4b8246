"""Tokens, the ratings held, and grades over time."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_CYCLE, Answer, Time
from alerts.domain.events import points
from alerts.domain.grades import Kind
from alerts.domain.ratings import BandPolicy, Rating
from alerts.domain.verdicts import readings_needed
from alerts.store.ratings import Observation
from alerts.store.tokens import TokenRecord

_TOKEN: dict[str, Any] = {
    "id": "token_metrics:3375",
    "source": "token_metrics",
    "symbol": "BTC",
    "name": "Bitcoin",
    "url": None,
    "first_seen_at": "2026-10-10T00:03:41Z",
    "former_symbol": None,
    "renamed_at": None,
    "ratings": {
        "fundamental": {
            "band": "Blue Chip",
            "band_rank": 4,
            "bands": 5,
            "since": "2026-11-20T00:00:00Z",
            "score": 83.1,
            "as_of": "2026-11-20T00:00:00Z",
            "class": "Blue Chip",
            "components": {"tokenomics": 8.8},
            "is_withdrawn": False,
            "waiting": {
                "band": "Emerging",
                "band_rank": 3,
                "since": "2026-11-21T00:00:00Z",
                "seen": 1,
                "needed": 2,
            },
            "flapping_since": None,
            "is_stale": False,
        }
    },
}
_GRADE: dict[str, Any] = {
    "kind": "fundamental",
    "as_of": "2026-11-20T00:00:00Z",
    "revision": 0,
    "score": 83.1,
    "class": "Blue Chip",
    "components": {"tokenomics": 8.8},
    "cycle_id": EXAMPLE_CYCLE,
    "recorded_at": "2026-11-20T00:04:07Z",
}


class WaitingChange(Answer):
    """A change of band that is told once it was seen in as many cycles in a row as it needs."""

    band: str = Field(description="The one that the last observation stands in.")
    band_rank: int
    since: Time = Field(description="The first of the cycles in a row.")
    seen: int = Field(description="Cycles in a row so far.")
    needed: int = Field(description="Cycles in a row that it takes.")

    @classmethod
    def of(cls, rating: Rating, policy: BandPolicy) -> Self | None:
        """From the domain's; None where nothing waits."""
        if rating.pending is None:
            return None
        rank = policy.rank_held(rating.rank, rating.score)
        return cls(
            band=policy.name_of(rank),
            band_rank=rank,
            since=rating.pending.seen[0][0],
            seen=len(rating.pending.seen),
            needed=readings_needed(rating, policy),
        )


class HeldRating(Answer):
    """The band held, and the last accepted observation."""

    model_config = ConfigDict(serialize_by_alias=True)

    band: str = Field(description="The one last announced.")
    band_rank: int = Field(description="1 is the lowest.")
    bands: int
    since: Time
    score: float
    as_of: Time
    class_: str | None = Field(
        serialization_alias="class", description="The source's own; shown only."
    )
    components: dict[str, float | None]
    is_withdrawn: bool = Field(description="The source has not graded it for days.")
    waiting: WaitingChange | None = Field(
        description="The change of band that the last observation would be, once confirmed."
    )
    flapping_since: Time | None = Field(
        description="Since when its band goes to and fro, so that a change waits until it settles."
    )
    is_stale: bool = Field(
        description="48 hours older than the newest grade of its source and kind, or all of those "
        "are stale."
    )

    @classmethod
    def of(cls, rating: Rating, policy: BandPolicy, *, is_stale: bool) -> Self:
        """From the domain's."""
        return cls(
            band=policy.name_of(rating.rank),
            band_rank=rating.rank,
            bands=len(policy.names),
            since=rating.since,
            score=rating.score / 100,
            as_of=rating.as_of,
            class_=rating.label,
            components={name: points(value) for name, value in rating.components},
            is_withdrawn=rating.withdrawn,
            waiting=WaitingChange.of(rating, policy),
            flapping_since=None if rating.swings is None else rating.swings.flapping_since,
            is_stale=is_stale,
        )


class Token(Answer):
    """A token, and how it is rated."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TOKEN]})

    id: str = Field(description="`source:upstream_id`: the identity. Several may bear one symbol.")
    source: str
    symbol: str
    name: str
    url: str | None
    first_seen_at: Time
    former_symbol: str | None = Field(description="What it bore before `renamed_at`.")
    renamed_at: Time | None
    ratings: dict[Kind, HeldRating]

    @classmethod
    def of(cls, record: TokenRecord, ratings: Mapping[Kind, HeldRating], url: str | None) -> Self:
        """From the store's."""
        return cls(
            id=record.id,
            source=record.source,
            symbol=record.symbol,
            name=record.name,
            url=url,
            first_seen_at=record.first_seen_at,
            former_symbol=record.former_symbol,
            renamed_at=record.renamed_at,
            ratings=dict(ratings),
        )


class Tokens(Answer):
    """A page of tokens, by id."""

    data: list[Token]
    next: str | None


class PastGrade(Answer):
    """One line of a token's history; there is one only where something changed."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={"examples": [_GRADE]},
    )

    kind: Kind
    as_of: Time
    revision: int = Field(description="Values seen at this `as_of` before this one.")
    score: float
    class_: str | None = Field(serialization_alias="class")
    components: dict[str, float | None]
    cycle_id: str
    recorded_at: Time

    @classmethod
    def of(cls, kind: Kind, seen: Observation) -> Self:
        """From the store's."""
        return cls(
            kind=kind,
            as_of=seen.as_of,
            revision=seen.revision,
            score=seen.score / 100,
            class_=seen.label,
            components={name: points(value) for name, value in seen.components},
            cycle_id=seen.cycle_id,
            recorded_at=seen.recorded_at,
        )


class History(Answer):
    """A page of a token's history, newest first."""

    data: list[PastGrade]
    next: str | None
