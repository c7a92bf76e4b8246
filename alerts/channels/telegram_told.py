"""What a chat is told of an event, piece by piece: its title, and its line among others."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.telegram_markup import DOWN, LEVEL, UP, Line, bold, literal, moment, say
from alerts.channels.wording import (
    counted,
    crossed_words,
    moved_words,
    points,
    signed,
    start_of,
    symbols,
)
from alerts.domain.digests import Rung, read_rung
from alerts.domain.events import WINDOWED, EventType
from alerts.domain.subscriptions import Subscription

# Sources by the names that people know them by.
SOURCES: Final = {"token_metrics": "Token Metrics"}
TITLES: Final = {
    EventType.UPGRADED: "{symbol} upgraded: {before} → {after}",
    EventType.DOWNGRADED: "{symbol} downgraded: {before} → {after}",
    EventType.MOVED: "{symbol} moved within {after}",
    EventType.CROSSED: "{symbol} went {way}",
    EventType.ROSE: "{symbol} {way}",
    EventType.FELL: "{symbol} {way}",
    EventType.INITIATED: "{symbol} is graded for the first time: {after}",
    EventType.WITHDRAWN: "{symbol} is no longer graded",
    EventType.REINSTATED: "{symbol} is graded again: {after}",
    EventType.RESTATED: "Correction: {symbol} is {after}",
}


_MARKS: Final = {
    EventType.UPGRADED: UP,
    EventType.DOWNGRADED: DOWN,
    EventType.ROSE: UP,
    EventType.FELL: DOWN,
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
        """What it is called; and what it was until lately, if that is something else."""
        symbol, former = symbols(self.data["token"])
        return f"{literal(symbol)} (was {literal(former)})" if former else literal(symbol)

    @property
    def mark(self) -> str:
        return _MARKS.get(self.type, LEVEL)


def read_event(body: bytes, rule: Subscription | None = None) -> Told:
    """An event as it is stored."""
    event = msgspec.json.decode(body)
    event_type, data = EventType(event["type"]), event["data"]
    is_test = event_type is EventType.ENDPOINT_TEST
    if is_test and "token" in data:
        event_type = EventType.UPGRADED if data.get("notches", 0) >= 0 else EventType.DOWNGRADED
    return Told(event["id"], event_type, data, is_test, rule)


@dataclass(frozen=True, slots=True)
class Company:
    """What events are told among. is_mixed: both kinds. shared: symbols that several bear."""

    is_mixed: bool
    shared: frozenset[str]

    def name(self, one: Told) -> str:
        """What stands behind a token's symbol where others bear the same."""
        token = one.data["token"]
        is_told = token["symbol"] in self.shared and token["name"]
        return f" ({literal(token['name'])})" if is_told else ""

    def kind(self, one: Told) -> str:
        """What stands behind a change where there are some of the other kind."""
        return f" ({one.data['kind']})" if self.is_mixed else ""


def company_of(told: Iterable[Told]) -> Company:
    """What these are told among."""
    grades = [one.data for one in told if one.is_grade]
    symbols = {data["token"]["id"]: data["token"]["symbol"] for data in grades}
    times = Counter(symbols.values())
    return Company(
        is_mixed=len({data["kind"] for data in grades}) > 1,
        shared=frozenset(symbol for symbol, often in times.items() if often > 1),
    )


def title_of(one: Told, *, name: str = "") -> str:
    """What happened, in words: to a grade, where that is known. name: behind its token's symbol."""
    if not one.is_grade:
        return one.type.value.replace(".", " ").replace("_", " ").capitalize()
    return TITLES[one.type].format(
        symbol=f"{one.symbol}{name}",
        before=band_of(one.before),
        after=band_of(one.after),
        way=way_of(one),
    )


def way_of(one: Told) -> str:
    """Where a crossing went: past the threshold that the rule names, if that is known; how far."""
    rule = one.rule
    if one.type in WINDOWED:
        return moved_words(one.data)
    if rule is None or "crossed" not in one.data:
        return crossed_words(one.data)
    is_upward = one.data["crossed"]["direction"] == "up"
    return crossed_words(one.data, rule.above if is_upward else rule.below)


def band_of(rung: Rung | None) -> str:
    """A band by its name."""
    return literal(rung.band) if rung is not None else "?"


def row_of(one: Told, company: Company) -> Line:
    """An event among others."""
    if not one.is_grade:
        return [say(title_of(one))]
    before, after = one.before, one.after
    name, kind = company.name(one), company.kind(one)
    if before is None or after is None or one.type is EventType.RESTATED:
        return [say(f"{one.mark} {title_of(one, name=name)}{kind}")]
    bands = f"{band_of(before)} → {band_of(after)}" if before.band != after.band else band_of(after)
    score = f"{points(after.score)} ({signed(after.score - before.score)})"
    start = start_of(one.data)
    if one.type in WINDOWED and start is not None:
        bands, score = way_of(one), f"{points(start.score)} → {points(after.score)}"
    elif one.type is EventType.CROSSED and one.rule is not None:
        bands = way_of(one)
    return [say(f"{one.mark} "), bold(one.symbol), say(f"{name} {bands}{kind} · {score}")]


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
