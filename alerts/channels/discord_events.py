"""Any event but a digest as a Discord message: a change of one grade, told at once."""

from collections.abc import Mapping
from typing import Any, Final

from alerts.channels.discord_digests import FOOTER
from alerts.channels.discord_embeds import DESCRIPTION, DiscordMessage, Page
from alerts.channels.discord_text import counted, literal, moment, points, signed, width
from alerts.channels.wording import (
    Start,
    component_moves,
    crossed_words,
    mass_words,
    moved_words,
    noise_words,
    start_of,
    symbols,
)
from alerts.domain.digests import Rung, read_rung
from alerts.domain.events import RULED, EventType

UP: Final = 0x2F9E44
DOWN: Final = 0xE03131
NEUTRAL: Final = 0x868E96
# Component scores that a message names, the largest changes first.
COMPONENTS_SHOWN: Final = 3
FACTS_SHOWN: Final = 12
LONGEST_FACT: Final = 200

_GRADES: Final = frozenset(
    {
        EventType.UPGRADED,
        EventType.DOWNGRADED,
        EventType.MOVED,
        *RULED,
        EventType.INITIATED,
        EventType.WITHDRAWN,
        EventType.REINSTATED,
        EventType.RESTATED,
    }
)
_TITLES: Final = {
    EventType.UPGRADED: "▲ {symbol} upgraded: {before} → {after}",
    EventType.DOWNGRADED: "▼ {symbol} downgraded: {before} → {after}",
    EventType.MOVED: "{symbol} moved within {after}",
    EventType.CROSSED: "{symbol} went {way}",
    EventType.ROSE: "▲ {symbol} {way}",
    EventType.FELL: "▼ {symbol} {way}",
    EventType.INITIATED: "{symbol} is graded for the first time: {after}",
    EventType.WITHDRAWN: "{symbol} is no longer graded",
    EventType.REINSTATED: "{symbol} is graded again: {after}",
    EventType.RESTATED: "Correction: {symbol} is {after}",
}
_COLOURS: Final = {
    EventType.UPGRADED: UP,
    EventType.DOWNGRADED: DOWN,
    EventType.ROSE: UP,
    EventType.FELL: DOWN,
}


def render_event(event: Mapping[str, Any]) -> DiscordMessage:
    """An event's payload, parsed, within Discord's limits; a notice is told fact by fact."""
    data = event["data"]
    event_type = EventType(event["type"])
    if event_type in _GRADES and "token" in data:
        page = _grade(event_type, data)
    elif event_type is EventType.ENDPOINT_TEST and "token" in data:
        page = _grade(_shown_as(data), data)
        page.title = f"Test · {page.title}"
    else:
        page = Page(NEUTRAL, _words(event_type), description=_facts(data))
    page.footer = FOOTER
    return DiscordMessage((page.embed(),))


def title_of(event_type: EventType, data: Mapping[str, Any]) -> str:
    """What happened, in one line."""
    if event_type not in _GRADES or "token" not in data:
        return _words(event_type)
    before, after = read_rung(data["from"]), read_rung(data["to"])
    symbol, former = symbols(data["token"])
    was = f" (was {literal(former)})" if former else ""
    return _TITLES[event_type].format(
        symbol=f"{literal(symbol)}{was}",
        before=literal(before.band) if before else "?",
        after=literal(after.band) if after else "?",
        way=crossed_words(data) or moved_words(data),
    )


def _shown_as(data: Mapping[str, Any]) -> EventType:
    """A test carries the data of a change of band, which goes one way or the other."""
    return EventType.UPGRADED if data.get("notches", 0) >= 0 else EventType.DOWNGRADED


def _grade(event_type: EventType, data: Mapping[str, Any]) -> Page:
    token, before, after = data["token"], read_rung(data["from"]), read_rung(data["to"])
    lines = [
        _called(token["name"], data["kind"]),
        _scores(start_of(data), before, after),
        _told(data, after) if event_type is EventType.RESTATED else _held(data),
        _components(data),
        noise_words(data),
        mass_words(data),
    ]
    at = after or before
    if at is not None:
        lines.append(f"As of {moment(at.as_of)}")
    return Page(
        _COLOURS.get(event_type, NEUTRAL),
        title_of(event_type, data),
        description="\n".join(line for line in lines if line),
        url=token.get("url"),
    )


def _called(name: str, kind: str) -> str:
    return f"{literal(name)} · {kind} grade" if name else f"{kind.capitalize()} grade"


def _scores(start: Start | None, before: Rung | None, after: Rung | None) -> str:
    if start is not None and after is not None:
        change = signed(after.score - start.score)
        return f"{points(start.score)} → **{points(after.score)}** ({change})"
    if after is not None:
        return f"**{points(after.score)}**"
    return "" if before is None else f"Last {literal(before.band)}, {points(before.score)}"


def _held(data: Mapping[str, Any]) -> str:
    before, start = data["from"], start_of(data)
    if "window" in data and start is not None:
        return f"Since {moment(start.as_of)}; now {literal(data['to']['band'])}"
    if before is None or data["to"] is None or not before.get("held_days"):
        return ""
    return f"{literal(before['band'])} for {counted(before['held_days'], 'day')} before"


def _told(data: Mapping[str, Any], after: Rung | None) -> str:
    announced = read_rung(data.get("announced"))
    if announced is None or after is None:
        return ""
    return f"Told before as {literal(announced.band)} {points(announced.score)}"


def _components(data: Mapping[str, Any]) -> str:
    named = component_moves(data, most=COMPONENTS_SHOWN)
    return ", ".join(f"{literal(name)} {delta}" for name, delta in named)


def _words(event_type: EventType) -> str:
    """`source.failing` as Source failing."""
    return event_type.value.replace(".", " ").replace("_", " ").capitalize()


def _facts(data: Mapping[str, Any]) -> str:
    """What a notice says, a line for each fact; as many whole lines as there is room for."""
    said = ""
    for name, value in list(data.items())[:FACTS_SHOWN]:
        if isinstance(value, Mapping | list) or value is None:
            continue
        text = literal(str(value), most=LONGEST_FACT)
        line = f"{literal(name.replace('_', ' '))}: {text}"
        if width(said) + width(line) + 1 > DESCRIPTION:
            break
        said = f"{said}\n{line}" if said else line
    return said
