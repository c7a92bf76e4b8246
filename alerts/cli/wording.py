"""Events and webhooks as a terminal tells them, a line each."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from rich.text import Text

from alerts.channels.wording import crossed_words, moved_words
from alerts.domain.events import EventType

_MARKS: Final = {
    EventType.UPGRADED: ("▲", "green"),
    EventType.DOWNGRADED: ("▼", "red"),
    EventType.MOVED: ("·", "yellow"),
    EventType.CROSSED: ("↕", "yellow"),
    EventType.ROSE: ("↑", "green"),
    EventType.FELL: ("↓", "red"),
    EventType.INITIATED: ("+", "cyan"),
    EventType.REINSTATED: ("+", "cyan"),
    EventType.WITHDRAWN: ("-", "dim"),
}
# Events that are no change of a grade, in a word.
_WORDS: Final = {EventType.ENDPOINT_TEST: "test"}
_OTHER_MARK: Final = ("•", "cyan")
SYMBOL_WIDTH: Final = 9
LONGEST_SYMBOL: Final = 16


def headline(payload: Mapping[str, Any], *, shared: Collection[str] = ()) -> Text:
    """One event, from its payload: mark, token, bands and scores where it has them.

    shared: symbols that several tokens bear, whose id is shown beside them.
    """
    mark, style = _MARKS.get(payload["type"], _OTHER_MARK)
    line = Text.assemble((mark, style), " ")
    facts = payload["data"]
    token = facts.get("token")
    if payload["type"] in _WORDS:
        line.append(f"{_WORDS[payload['type']]} ")
    elif token is None:
        return line.append(payload["type"])
    if token is None:
        line.rstrip()
        return line
    line.append(printable(token["symbol"])[:LONGEST_SYMBOL].ljust(SYMBOL_WIDTH), "bold")
    if token["symbol"] in shared:
        line.append(f" {printable(token['id'])}", "dim")
    line.append(f" {_bands(payload['type'], facts)}")
    scores = _scores(facts)
    if payload["type"] == EventType.MOVED:
        scores += _from_anchor(facts)
    return line.append(f"  {scores}", "dim") if scores else line


def day(moment: datetime) -> str:
    """A date, with the time where there is one."""
    return (
        f"{moment:%Y-%m-%d}" if moment.time() == moment.min.time() else f"{moment:%Y-%m-%d %H:%M}"
    )


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as a cycle or a delivery."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else many}"


def printable(text: str) -> str:
    """A label that comes from elsewhere, without what moves the cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _bands(event_type: str, facts: Mapping[str, Any]) -> str:
    if moved := moved_words(facts):
        return moved
    if crossed := crossed_words(facts):
        return f"went {crossed}"
    before, after = facts.get("from"), facts.get("to")
    word = event_type.partition(".")[2]
    if before is None or after is None:
        band = (before or after or {}).get("band")
        return f"{word}: {band}" if band else word
    if before["band"] == after["band"]:
        return f"{word} within {after['band']}"
    return f"{before['band']} → {after['band']}"


def _scores(facts: Mapping[str, Any]) -> str:
    before, after = facts.get("window", facts).get("from"), facts.get("to")
    known = [f"{view['score']:g}" for view in (before, after) if view is not None]
    return " → ".join(known)


def _from_anchor(facts: Mapping[str, Any]) -> str:
    """A move is measured from where the score was last told, which may be days ago."""
    anchor, score = facts["from"]["anchor"], facts["to"]["score"]
    return f" ({score - anchor:+.4g} since {anchor:g} was told)"
