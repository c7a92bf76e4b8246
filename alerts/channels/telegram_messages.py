"""Telegram messages: the events of one parcel, as a chat is shown them.

Pure, and the same each time. One event is told in full, several are summed up line by line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.telegram_buttons import Rows
from alerts.channels.telegram_digests import digest_lines
from alerts.channels.telegram_markup import (
    DISCLAIMER,
    DOWN,
    LEVEL,
    MOST_TEXT,
    UP,
    Line,
    Piece,
    as_html,
    as_plain,
    bold,
    italic,
    length,
    linked,
    literal,
    moment,
    say,
)
from alerts.channels.telegram_rules import because, because_of_all
from alerts.channels.telegram_under import grade_buttons, summary_buttons
from alerts.channels.wording import counted, points, signed
from alerts.domain.digests import Rung, read_digest, read_rung
from alerts.domain.events import EventType
from alerts.domain.subscriptions import Subscription
from alerts.ports import Letter

# Changes that a message of several shows; the rest is a button away.
ROWS_SHOWN: Final = 20
# And that a page of all of them does.
ROWS_ON_A_PAGE: Final = 25
# Component scores that a message names, the largest changes first.
COMPONENTS_SHOWN: Final = 3
FACTS_SHOWN: Final = 12
LONGEST_FACT: Final = 200
# Sources by the names that people know them by.
SOURCES: Final = {"token_metrics": "Token Metrics"}

_TITLES: Final = {
    EventType.UPGRADED: "{symbol} upgraded: {before} → {after}",
    EventType.DOWNGRADED: "{symbol} downgraded: {before} → {after}",
    EventType.MOVED: "{symbol} moved within {after}",
    EventType.INITIATED: "{symbol} is graded for the first time: {after}",
    EventType.WITHDRAWN: "{symbol} is no longer graded",
    EventType.REINSTATED: "{symbol} is graded again: {after}",
    EventType.RESTATED: "Correction: {symbol} is {after}",
}


@dataclass(frozen=True, slots=True)
class TelegramMessage:
    """What a chat is shown: HTML, the same in plain words, and the buttons under it."""

    html: str
    plain: str
    buttons: Rows = ()


@dataclass(frozen=True, slots=True)
class _Told:
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
        return self.type in _TITLES and "token" in self.data

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


def render(parcel: Sequence[Letter]) -> TelegramMessage:
    """A parcel's message. parcel: one or more, oldest first."""
    told = [_read(letter.body, letter.rule) for letter in parcel]
    if len(told) > 1:
        return _summary(told)
    (one,) = told
    if one.is_grade:
        return _grade(one)
    # One whose content was expunged says nothing of a week any more.
    if one.type is EventType.DIGEST_WEEKLY and "kinds" in one.data:
        return _message(digest_lines(read_digest(one.data)))
    return _notice(one)


def headline(body: bytes) -> str:
    """What happened, in one line: the first of its message."""
    one = _read(body)
    return f"{one.mark} {_title(one)}"


def page_lines(bodies: Sequence[bytes], page: int) -> list[Line]:
    """A page of all that was told at once, a line each. page: 1 is the first."""
    first = (page - 1) * ROWS_ON_A_PAGE
    told = [_read(body) for body in bodies]
    grades = [one for one in told if one.is_grade]
    is_mixed = len({one.data["kind"] for one in grades}) > 1
    shown = told[first : first + ROWS_ON_A_PAGE]
    rows = [_row(one, is_mixed=is_mixed) for one in shown]
    title = _counts(told)
    ending = [_as_of(grades)] if grades else []
    return [[bold(title)], *rows, *ending, [italic(DISCLAIMER)]]


def _read(body: bytes, rule: Subscription | None = None) -> _Told:
    event = msgspec.json.decode(body)
    event_type, data = EventType(event["type"]), event["data"]
    is_test = event_type is EventType.ENDPOINT_TEST
    if is_test and "token" in data:
        event_type = EventType.UPGRADED if data.get("notches", 0) >= 0 else EventType.DOWNGRADED
    return _Told(event["id"], event_type, data, is_test, rule)


def _grade(one: _Told) -> TelegramMessage:
    test = "Test · " if one.is_test else ""
    lines: list[Line] = [
        [bold(f"{test}{one.mark} {_title(one)}")],
        _scores(one),
        *_more(one),
        _as_of([one]),
        [italic(f"Told because {_because(one)}. {DISCLAIMER}")],
    ]
    buttons = () if one.is_test else grade_buttons(one.id, one.data["token"]["symbol"])
    return _message(lines, buttons)


def _because(one: _Told) -> str:
    return "you asked for a test" if one.is_test else because(one.type, one.rule, one.symbol)


def _title(one: _Told) -> str:
    return _TITLES[one.type].format(
        symbol=one.symbol,
        before=_band(one.before),
        after=_band(one.after),
    )


def _band(rung: Rung | None) -> str:
    return literal(rung.band) if rung is not None else "?"


def _scores(one: _Told) -> Line:
    token, kind = one.data["token"], one.data["kind"]
    before, after = one.before, one.after
    called: list[Piece] = (
        [linked(literal(token["name"]), token.get("url")), say(f" · {kind} grade ")]
        if token["name"]
        else [say(f"{kind.capitalize()} grade ")]
    )
    if after is None:
        last = "" if before is None else f"was {_band(before)}, {points(before.score)}"
        return [*called, say(last)]
    if before is None:
        return [*called, bold(points(after.score))]
    change = signed(after.score - before.score)
    return [
        *called,
        say(f"{points(before.score)} → "),
        bold(points(after.score)),
        say(f" ({change})"),
    ]


def _more(one: _Told) -> list[Line]:
    """What is known besides: how long it was held, what it was told as, what moved it."""
    before, announced = one.data["from"], read_rung(one.data.get("announced"))
    found: list[Line] = []
    if one.type is EventType.RESTATED and announced is not None:
        found.append([say(f"Told before as {_band(announced)} {points(announced.score)}")])
    elif before is not None and one.after is not None and before.get("held_days"):
        days = counted(before["held_days"], "day")
        found.append([say(f"{literal(before['band'])} for {days} before")])
    moves = [move for move in one.data.get("components", ()) if move["delta"]]
    if moves:
        named = ", ".join(
            f"{literal(move['name'].replace('_', ' '))} {signed(round(move['delta'] * 100))}"
            for move in moves[:COMPONENTS_SHOWN]
        )
        found.append([say(f"Why it moved: {named}")])
    return found


def _as_of(told: Sequence[_Told]) -> Line:
    """The time of the data, of several the newest; and where they are from."""
    stood = [one.after or one.before for one in told]
    newest = max((rung.as_of for rung in stood if rung is not None), default=None)
    names = sorted({one.data["token"]["id"].partition(":")[0] for one in told})
    sources = ", ".join(literal(SOURCES.get(name, name.replace("_", " "))) for name in names)
    if newest is None:
        return [say(f"Source: {sources}")]
    return [say("As of "), moment(newest), say(f" · source: {sources}")]


def _notice(one: _Told) -> TelegramMessage:
    """What is said of the service itself: fact by fact, as many whole lines as there is room."""
    title = one.type.value.replace(".", " ").replace("_", " ").capitalize()
    lines: list[Line] = [[bold(title)]]
    for name, value in list(one.data.items())[:FACTS_SHOWN]:
        if isinstance(value, Mapping | list) or value is None:
            continue
        said = literal(str(value), most=LONGEST_FACT)
        lines.append([say(f"{literal(name.replace('_', ' '))}: {said}")])
    return _message(lines)


def _summary(told: Sequence[_Told]) -> TelegramMessage:
    """Several at once, a line each; those that there is no room for are counted."""
    grades = [one for one in told if one.is_grade]
    lines: list[Line] = [[bold(_counts(told))]]
    ending: list[Line] = [_as_of(grades)] if grades else []
    reason = because_of_all((one.type, one.rule, one.symbol) for one in grades)
    told_because = f"Told because {reason}. " if reason else ""
    ending.append([italic(f"{told_because}{DISCLAIMER}")])
    is_mixed = len({one.data["kind"] for one in grades}) > 1
    room = MOST_TEXT - length([*lines, *ending]) - len(f"\n\nand {len(told):,} more")
    left = len(told)
    for one in told[:ROWS_SHOWN]:
        row = [_row(one, is_mixed=is_mixed)]
        room -= length(row) + 1
        if room < 0:
            break
        lines += row
        left -= 1
    if left:
        lines.append([say(f"and {left:,} more")])
    return _message([*lines, *ending], summary_buttons(told[-1].id, len(told), left=left))


def _counts(told: Sequence[_Told]) -> str:
    marks = [one.mark for one in told if one.is_grade]
    up, down = marks.count(UP), marks.count(DOWN)
    parts = [f"{UP} {up} up" if up else "", f"{DOWN} {down} down" if down else ""]
    counts = " · ".join(part for part in parts if part)
    return f"{counted(len(told), 'change')}{': ' if counts else ''}{counts}"


def _row(one: _Told, *, is_mixed: bool) -> Line:
    if not one.is_grade:
        return [say(one.type.value.replace(".", " ").capitalize())]
    before, after = one.before, one.after
    kind = f" ({one.data['kind']})" if is_mixed else ""
    if before is None or after is None or one.type is EventType.RESTATED:
        return [say(f"{one.mark} {_title(one)}{kind}")]
    bands = f"{_band(before)} → {_band(after)}" if before.band != after.band else _band(after)
    change = signed(after.score - before.score)
    return [
        say(f"{one.mark} "),
        bold(one.symbol),
        say(f" {bands}{kind} · {points(after.score)} ({change})"),
    ]


def _message(lines: Sequence[Line], buttons: Rows = ()) -> TelegramMessage:
    return TelegramMessage(as_html(lines), as_plain(lines), buttons)
