"""Telegram messages: the events of one parcel, as a chat is shown them.

Pure, and the same each time. One event is told in full, several are summed up line by line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.channels.telegram_away import away_rows, away_title
from alerts.channels.telegram_buttons import Rows
from alerts.channels.telegram_digests import digest_lines
from alerts.channels.telegram_markup import (
    DISCLAIMER,
    MOST_TEXT,
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
from alerts.channels.telegram_told import (
    Told,
    as_of_line,
    band_of,
    company_of,
    counts_of,
    read_event,
    row_of,
    title_of,
)
from alerts.channels.telegram_under import grade_buttons, summary_buttons
from alerts.channels.wording import (
    component_moves,
    counted,
    mass_words,
    noise_words,
    points,
    signed,
    start_of,
)
from alerts.domain.deliveries import DeferredReason
from alerts.domain.digests import read_digest, read_rung
from alerts.domain.events import WINDOWED, EventType
from alerts.ports import Letter

# Changes that a message of several shows; the rest is a button away.
ROWS_SHOWN: Final = 20
# And that a page of all of them does.
ROWS_ON_A_PAGE: Final = 25
# Component scores that a message names, the largest changes first.
COMPONENTS_SHOWN: Final = 3
FACTS_SHOWN: Final = 12
LONGEST_FACT: Final = 200


@dataclass(frozen=True, slots=True)
class TelegramMessage:
    """What a chat is shown: HTML, the same in plain words, and the buttons under it."""

    html: str
    plain: str
    buttons: Rows = ()


def render(parcel: Sequence[Letter], *, quiet_hours: str = "") -> TelegramMessage:
    """A parcel's message. parcel: one or more, oldest first.

    quiet_hours: of the chat, such as 22:00–07:00, for a parcel that they held back; empty where
    there are none any more.
    """
    told = [read_event(letter.body, letter.rule) for letter in parcel]
    was_held = all(each.deferred_reason is DeferredReason.QUIET_HOURS for each in parcel)
    away = away_title(quiet_hours) if was_held else None
    if len(told) > 1:
        return _summary(told) if away is None else _away(away, told)
    (one,) = told
    if one.is_grade:
        return _grade(one, away=away)
    # One whose content was expunged says nothing of a week any more.
    if one.type is EventType.DIGEST_WEEKLY and "kinds" in one.data:
        return _message(digest_lines(read_digest(one.data)))
    return _notice(one)


def headline(body: bytes) -> str:
    """What happened, in one line: the first of its message."""
    one = read_event(body)
    return f"{one.mark} {title_of(one)}"


def page_lines(bodies: Sequence[bytes], page: int) -> list[Line]:
    """A page of all that was told at once, a line each. page: 1 is the first."""
    first = (page - 1) * ROWS_ON_A_PAGE
    told = [read_event(body) for body in bodies]
    grades = [one for one in told if one.is_grade]
    company = company_of(told)
    shown = told[first : first + ROWS_ON_A_PAGE]
    rows = [row_of(one, company) for one in shown]
    title = counts_of(told)
    ending = [as_of_line(grades)] if grades else []
    return [[bold(title)], *rows, *ending, [italic(DISCLAIMER)]]


def _grade(one: Told, *, away: str | None) -> TelegramMessage:
    test = "Test · " if one.is_test else ""
    lines: list[Line] = [] if away is None else [[bold(away)]]
    lines += [
        [bold(f"{test}{one.mark} {title_of(one)}")],
        _scores(one),
        *_more(one),
        as_of_line([one]),
        [italic(f"Told because {_because(one)}. {DISCLAIMER}")],
    ]
    buttons = () if one.is_test else grade_buttons(one.id, one.data["token"]["symbol"])
    return _message(lines, buttons)


def _because(one: Told) -> str:
    return "you asked for a test" if one.is_test else because(one.type, one.rule, one.symbol)


def _scores(one: Told) -> Line:
    token, kind = one.data["token"], one.data["kind"]
    before, after, start = one.before, one.after, start_of(one.data)
    called: list[Piece] = (
        [linked(literal(token["name"]), token.get("url")), say(f" · {kind} grade ")]
        if token["name"]
        else [say(f"{kind.capitalize()} grade ")]
    )
    if after is None:
        last = "" if before is None else f"was {band_of(before)}, {points(before.score)}"
        return [*called, say(last)]
    if start is None:
        return [*called, bold(points(after.score))]
    change = signed(after.score - start.score)
    return [
        *called,
        say(f"{points(start.score)} → "),
        bold(points(after.score)),
        say(f" ({change})"),
    ]


def _more(one: Told) -> list[Line]:
    """What is known besides: since when, what it was told as, what moved it."""
    before, announced = one.data["from"], read_rung(one.data.get("announced"))
    start = start_of(one.data)
    found: list[Line] = []
    if one.type is EventType.RESTATED and announced is not None:
        found.append([say(f"Told before as {band_of(announced)} {points(announced.score)}")])
    elif one.type in WINDOWED and start is not None:
        found.append([say("Since "), moment(start.as_of), say(f"; now {band_of(one.after)}")])
    elif before is not None and one.after is not None and before.get("held_days"):
        days = counted(before["held_days"], "day")
        found.append([say(f"{literal(before['band'])} for {days} before")])
    moves = component_moves(one.data, most=COMPONENTS_SHOWN)
    if moves:
        named = ", ".join(f"{literal(name)} {delta}" for name, delta in moves)
        found.append([say(f"Components that moved: {named}")])
    if noise := noise_words(one.data):
        found.append([say(noise)])
    return found + _mass([one])


def _mass(told: Sequence[Told]) -> list[Line]:
    """That they came with very many others: of the newest cycle that was so."""
    words = [said for one in told if (said := mass_words(one.data))]
    return [[say(words[-1])]] if words else []


def _notice(one: Told) -> TelegramMessage:
    """What is said of the service itself: fact by fact, as many whole lines as there is room."""
    title = title_of(one)
    lines: list[Line] = [[bold(title)]]
    for name, value in list(one.data.items())[:FACTS_SHOWN]:
        if isinstance(value, Mapping | list) or value is None:
            continue
        said = literal(str(value), most=LONGEST_FACT)
        lines.append([say(f"{literal(name.replace('_', ' '))}: {said}")])
    return _message(lines)


def _summary(told: Sequence[Told]) -> TelegramMessage:
    """Several at once, a line each."""
    company = company_of(told)
    return _listed(counts_of(told), [row_of(one, company) for one in told], told)


def _away(title: str, told: Sequence[Told]) -> TelegramMessage:
    """What quiet hours held back, a line for each token and kind."""
    counts, rows = away_rows(told)
    return _listed(f"{title}: {counts}" if counts else title, rows, told)


def _listed(title: str, rows: Sequence[Line], told: Sequence[Told]) -> TelegramMessage:
    """Rows under a title; those that there is no room for are counted."""
    grades = [one for one in told if one.is_grade]
    lines: list[Line] = [[bold(title)], *_mass(grades)]
    ending: list[Line] = [as_of_line(grades)] if grades else []
    reason = because_of_all((one.type, one.rule, one.symbol) for one in grades)
    told_because = f"Told because {reason}. " if reason else ""
    ending.append([italic(f"{told_because}{DISCLAIMER}")])
    room = MOST_TEXT - length([*lines, *ending]) - len(f"\n\nand {len(rows):,} more")
    left = len(rows)
    for row in rows[:ROWS_SHOWN]:
        room -= length([row]) + 1
        if room < 0:
            break
        lines.append(row)
        left -= 1
    if left:
        lines.append([say(f"and {left:,} more")])
    return _message([*lines, *ending], summary_buttons(told[-1].id, len(told), left=left))


def _message(lines: Sequence[Line], buttons: Rows = ()) -> TelegramMessage:
    return TelegramMessage(as_html(lines), as_plain(lines), buttons)
