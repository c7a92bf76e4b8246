"""What comes to an endpoint, and what it says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.truth.told import CROSSED, ROSE, RULED
from tests.truth.wanted import Wanted

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came. at: the service's time. verified: its signature was good."""

    path: str
    at: datetime
    event_id: str
    body: bytes
    verified: bool
    message: Mapping[str, Any] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        message = json.loads(self.body, parse_float=Decimal, parse_int=Decimal)
        object.__setattr__(self, "message", message)

    @property
    def corrects(self) -> str | None:
        """The event that it corrects, by its id."""
        found: str | None = self.message["data"].get("corrects")
        return found


def key_of(arrival: Arrival, want: Wanted) -> Key | None:
    """What a message says to an endpoint, as `Told.key` has it; None for what is about no grade."""
    message, data = arrival.message, arrival.message["data"]
    if not message["type"].startswith("grade."):
        return None
    after, before = data["to"], data["from"]
    return (
        message["type"],
        data["kind"],
        int(data["token"]["id"].partition(":")[2]),
        message["timestamp"][:10],
        data["token"]["symbol"],
        None if before is None else before["score"],
        None if after is None else after["score"],
        None if after is None else after["band"],
        data.get("revises") is not None,
        tuple((each["as_of"][:10], each["score"]) for each in data.get("confirms", ())),
        "flapping" in data,
        "settled" in data,
        _rule(message["type"], data, want) if message["type"] in RULED else None,
    )


def shown(key: Key) -> str:
    """For people."""
    return " ".join(str(part) for part in key if part not in (None, (), False))


def _rule(event: str, data: Mapping[str, Any], want: Wanted) -> Key:
    """The rule of an endpoint's own that this is told by, in the words of `Told.crossed`."""
    return _crossed(data, want) if event == CROSSED else _moved(event == ROSE, data, want)


def _crossed(data: Mapping[str, Any], want: Wanted) -> Key:
    said, score = data["crossed"], data["to"]["score"]
    is_up = said["direction"] == "up"
    mine = (want.above if is_up else want.below).get(data["kind"])
    ends_there = (said["through"] if is_up else said["over"]) == score
    is_past = mine is not None and said["over"] < mine <= said["through"]
    return said["direction"], mine if is_past and ends_there else None


def _moved(is_rise: bool, data: Mapping[str, Any], want: Wanted) -> Key:
    said, window = data["window"], want.windows.get(data["kind"])
    if window is None or (said["days"], said["unit"]) != (window.days, window.unit):
        return ()
    start, mine = said["from"]["score"], window.rise if is_rise else window.fall
    size = window.size(data["to"]["score"], start, is_rise=is_rise)
    is_past = said["over"] < mine <= said["through"] <= size
    return f"{said['days']} {said['unit']}", mine if is_past else None, start
