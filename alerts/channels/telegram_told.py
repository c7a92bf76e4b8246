"""What a chat is told of an event, piece by piece: its title, and its line among others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.telegram_markup import DOWN, LEVEL, UP, Line, bold, literal, moment, say
from alerts.channels.wording import counted, points, signed
from alerts.domain.digests import Rung, read_rung
from alerts.domain.events import EventType
from alerts.domain.subscriptions import Subscription

# Sources by the names that people know them by.
SOURCES: Final = {"token_metrics": "Token Metrics"}
TITLES: Final = {
    EventType.UPGRADED: "{symbol} upgraded: {before} → {after}",
    EventType.DOWNGRADED: "{symbol} downgraded: {before} → {after}",
    EventType.MOVED: "{symbol} moved within {after}",
    EventType.INITIATED: "{symbol} is graded for the first time: {after}",
    EventType.WITHDRAWN: "{symbol} is no longer graded",
    EventType.REINSTATED: "{symbol} is graded again: {after}",
    EventType.RESTATED: "Correction: {symbol} is {after}",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event as far as it is told. type: of a test, that of the change it shows.

    rule: the one that matched, as far as that is known.
    """

    id: str
    type: EventType
    data: Mapping[str, Any]
    is_test: bool
    rule: Subscription | None

    @property
    def is_grade(self) -> bool:
        return self.type in TITLES and "token" in self.data

    @property
    def before(self) -> Rung | None:
        return read_rung(self.data["from"])

    @property
    def after(self) -> Rung | None:
        return read_rung(self.data["to"])

    @property
    def symbol(self) -> str:
        return literal(self.data["token"]["symbol"])

    @property
    def mark(self) -> str:
        return {EventType.UPGRADED: UP, EventType.DOWNGRADED: DOWN}.get(self.type, LEVEL)


def read_event(body: bytes, rule: Subscription | None = None) -> Told:
    """An event as it is stored."""
    event = msgspec.json.decode(body)
    event_type, data = EventType(event["type"]), event["data"]
    is_test = event_type is EventType.ENDPOINT_TEST
    if is_test and "token" in data:
        event_type = EventType.UPGRADED if data.get("notches", 0) >= 0 else EventType.DOWNGRADED
    return Told(event["id"], event_type, data, is_test, rule)


def title_of(one: Told) -> str:
    """What happened to a grade, in words."""
    return TITLES[one.type].format(
        symbol=one.symbol,
        before=band_of(one.before),
        after=band_of(one.after),
    )


def band_of(rung: Rung | None) -> str:
    """A band by its name."""
    return literal(rung.band) if rung is not None else "?"


def row_of(one: Told, *, is_mixed: bool) -> Line:
    """An event among others. is_mixed: there are some of both kinds."""
    if not one.is_grade:
        return [say(one.type.value.replace(".", " ").capitalize())]
    before, after = one.before, one.after
    kind = f" ({one.data['kind']})" if is_mixed else ""
    if before is None or after is None or one.type is EventType.RESTATED:
        return [say(f"{one.mark} {title_of(one)}{kind}")]
    bands = f"{band_of(before)} → {band_of(after)}" if before.band != after.band else band_of(after)
    change = signed(after.score - before.score)
    return [
        say(f"{one.mark} "),
        bold(one.symbol),
        say(f" {bands}{kind} · {points(after.score)} ({change})"),
    ]


def counts_of(told: Sequence[Told]) -> str:
    """How many they are, and in which direction."""
    marks = [one.mark for one in told if one.is_grade]
    up, down = marks.count(UP), marks.count(DOWN)
    parts = [f"{UP} {up} up" if up else "", f"{DOWN} {down} down" if down else ""]
    counts = " · ".join(part for part in parts if part)
    return f"{counted(len(told), 'change')}{': ' if counts else ''}{counts}"


def as_of_line(told: Sequence[Told]) -> Line:
    """The time of the data, of several the newest; and where they are from."""
    stood = [one.after or one.before for one in told]
    newest = max((rung.as_of for rung in stood if rung is not None), default=None)
    names = sorted({one.data["token"]["id"].partition(":")[0] for one in told})
    sources = ", ".join(literal(SOURCES.get(name, name.replace("_", " "))) for name in names)
    if newest is None:
        return [say(f"Source: {sources}")]
    return [say("As of "), moment(newest), say(f" · source: {sources}")]
