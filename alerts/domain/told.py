"""What was told, read back: the rating before an event, out of its payload."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerts.domain.grades import TokenId
from alerts.domain.ratings import BandPolicy, Rating, Run, Swings


def rating_told(token: TokenId, payload: Mapping[str, Any], policy: BandPolicy) -> Rating | None:
    """The rating as it was before an announced change, out of its payload."""
    seen = payload["data"]["from"]
    if seen is None:
        return None
    at, score = datetime.fromisoformat(seen["as_of"]), round(seen["score"] * 100)
    confirms, denies = _read(payload, "confirms"), _read(payload, "denies")
    waited = confirms or denies
    settled = payload["data"].get("settled")
    swings = None
    if settled is not None and policy.flap is not None:
        flapping_since = datetime.fromisoformat(settled["flapping_since"])
        # What has settled where it was lacked this one reading; else it was not there at all.
        steady = 0 if confirms else policy.flap.settle - 1
        swings = Swings(is_upward=False, flapping_since=flapping_since, steady=steady)
    return Rating(
        token=token,
        rank=seen["band_rank"],
        since=datetime.fromisoformat(seen["since"]),
        score=score,
        as_of=at,
        anchor=round(seen["anchor"] * 100),
        pending=Run(score, at, (), waited) if waited else None,
        swings=swings,
    )


def _read(payload: Mapping[str, Any], name: str) -> tuple[tuple[datetime, int], ...]:
    """(as_of, score in hundredths) of the readings that it names."""
    return tuple(
        (datetime.fromisoformat(reading["as_of"]), round(reading["score"] * 100))
        for reading in payload["data"].get(name, ())
    )
