"""The moves of `/settings` on Telegram: how far a grade must go within a day, or seven."""

import re
from dataclasses import dataclass, replace
from typing import Final

from alerts.bots.telegram_says import Said
from alerts.bots.telegram_settings_buttons import BACK, leads, option
from alerts.bots.telegram_settings_rules import OFF, Ruling, held_back
from alerts.channels.telegram_buttons import Button
from alerts.channels.telegram_markup import Line, bold, literal, say, typed
from alerts.channels.wording import counted, reach_words
from alerts.domain.events import Window
from alerts.domain.grades import Kind, read_hundredths
from alerts.domain.subscriptions import Filter, Reach
from alerts.domain.windows import MOST_PERCENT
from alerts.errors import InvalidInput

# What is typed first, and whether rises are meant by it, and falls.
VERBS: Final = {"rises": (True, False), "falls": (False, True), "moves": (True, True)}
PRESETS: Final = {"points": (500, 1000, 1500, 2000), "percent": (1000, 2000, 3000, 5000)}
_SIGNS: Final = {"rises": "▲", "falls": "▼"}
_UNITS: Final = {"points": "points", "percent": "%"}
_KINDS: Final = frozenset(kind.value for kind in Kind)
# The most points that a grade can go by, and the most percent that it can fall by.
_HIGHEST: Final = 10_000
# Such as 15 points 7 days, 20% in 1 day; without a unit it is points.
_SIZE: Final = re.compile(
    r"(?P<size>[0-9.]+) ?(?P<unit>%|percent|points?)?(?: in| within)? (?P<days>1|7) ?days?"
)


@dataclass(frozen=True, slots=True)
class Move:
    """One size to be told of, of rises, falls or both; window and size: None end it.

    size: hundredths of a point, or of a percent.
    """

    kind: Kind
    verb: str
    window: Window | None = None
    size: int | None = None

    def of(self, wanted: Filter) -> Filter:
        """A filter with this move in it: of a kind there is one window, the one named last."""
        named = _named(wanted, self.kind)
        if named is None or self.window not in (None, named.window):
            named = None if self.window is None else Reach(self.kind, self.window)
        if named is not None:
            is_rise, is_fall = VERBS[self.verb]
            rise, fall = self.size if is_rise else named.rise, self.size if is_fall else named.fall
            named = None if (rise, fall) == (None, None) else replace(named, rise=rise, fall=fall)
        others = [each for each in wanted.windows if each.kind is not self.kind]
        every = others if named is None else [*others, named]
        return replace(wanted, windows=tuple(sorted(every, key=lambda each: each.kind)))

    def ends(self, wanted: Filter) -> Reach | None:
        """What is told no more because of it: sizes within another window."""
        named = _named(wanted, self.kind)
        is_other = named is not None and self.window not in (None, named.window)
        return named if is_other else None


def move_ruling(wanted: Filter, text: str) -> Ruling:
    """A move as a button says it, or as it was typed; a verb alone asks what there is."""
    move = read_move(text, wanted)
    if move is None:
        unread = "" if text.strip() in VERBS else text
        return Ruling(None, lambda now: windows(now, unread=unread))
    ended = move.ends(wanted)
    return Ruling(move.of, lambda now: windows_of(now, move.kind, ended=ended))


def read_move(text: str, wanted: Filter) -> Move | None:
    """A move such as `rises 15 points 7 days trader`, `moves off trader`; None if unclear.

    A kind need not be named where one alone is wanted.
    """
    words = text.casefold().replace("_", " ").split()
    verb, *rest = [word for word in words if word not in _KINDS] or [""]
    kinds = [Kind(word) for word in words if word in _KINDS] or [*wanted.kinds]
    if verb not in VERBS or len(kinds) != 1:
        return None
    said = " ".join(rest)
    if said in OFF:
        return Move(kinds[0], verb)
    match = _SIZE.fullmatch(said)
    if match is None:
        return None
    unit = "percent" if match["unit"] in {"%", "percent"} else "points"
    size = _size(match["size"], most=_most(verb, unit))
    return None if size is None else Move(kinds[0], verb, Window(f"{match['days']} {unit}"), size)


def moves_said(wanted: Filter) -> str:
    """Which moves are told, in one line."""
    return ", ".join(map(reach_words, wanted.windows)) or "none"


def screen(subject: str, wanted: Filter) -> Said:
    """That of a kind and perhaps one of its windows, as a button names it: `trader.7_points`."""
    kind, _, window = subject.partition(".")
    if kind not in _KINDS:
        return windows(wanted)
    known = {_called(each): each for each in Window}
    return windows_of(wanted, Kind(kind), window=known.get(window))


def windows(wanted: Filter, *, unread: str = "") -> Said:
    """Which moves are told, and a button for each kind. unread: what was typed instead."""
    lines: list[Line] = []
    if unread:
        lines.append([bold(f"I cannot read {literal(unread)} as a move.")])
    lines += [
        [bold("Moves over days to be told of: "), bold(moves_said(wanted))],
        *([say(held_back(each).capitalize())] for each in wanted.given),
        [say("Of a followed token, once its grade has gone that far within a day, or within 7.")],
        [say("Whether its band changes by it or not. Choose a grade, or type")],
        [typed("/settings rises 15 points 7 days trader")],
        [typed("/settings falls 20% 1 day fundamental")],
        [typed("/settings moves off trader")],
    ]
    kinds = tuple(leads(f"{kind.value.capitalize()} ›", f"windows.{kind.value}") for kind in Kind)
    return Said(lines=lines, buttons=(kinds, BACK))


def windows_of(
    wanted: Filter, kind: Kind, *, window: Window | None = None, ended: Reach | None = None
) -> Said:
    """The moves of one kind, by thumb. window: whose sizes are shown; None: as it was chosen.

    ended: what is told no more, by what was chosen just now.
    """
    named = _named(wanted, kind)
    if window is None:
        window = Window.WEEK_POINTS if named is None else named.window
    within = f"within {counted(window.days, 'day')}"
    lines: list[Line] = [
        [bold(f"Tell me when a {kind.value} grade goes …")],
        [say(f"▲ so many {window.unit} up from its lowest {within}, or ▼ down from its highest.")],
        [say("Press a chosen one again to end it.")],
    ]
    if named is not None:
        lines.append([say("Now: "), bold(reach_words(named))])
        if named.window is not window:
            lines.append([say("A size chosen here ends that: of each kind there is one window.")])
    if ended is not None:
        lines.append([say(f"Ended: {reach_words(ended)}. Of each kind there is one window.")])
    if kind not in wanted.kinds:
        lines.append([say(f"Just now no {kind.value} grades are told: see Grades.")])
    rows = [_choices(kind, window, days) for days in (1, 7)]
    rows += [
        _sizes(kind, window, verb, held=_held(named, window, verb)) for verb in ("rises", "falls")
    ]
    if named is not None:
        rows.append((leads("Off", f"move.moves_off_{kind.value}"),))
    return Said(lines=lines, buttons=(*rows, (leads("‹ Moves over days", "windows"),)))


def _named(wanted: Filter, kind: Kind) -> Reach | None:
    return next((each for each in wanted.windows if each.kind is kind), None)


def _held(named: Reach | None, window: Window, verb: str) -> int | None:
    if named is None or named.window is not window:
        return None
    return named.rise if verb == "rises" else named.fall


def _most(verb: str, unit: str) -> int:
    return MOST_PERCENT if (verb, unit) == ("rises", "percent") else _HIGHEST


def _size(text: str, *, most: int) -> int | None:
    try:
        size = read_hundredths(text, field="size")
    except InvalidInput:
        return None
    return size if size is not None and 0 < size <= most else None


def _called(window: Window) -> str:
    return window.value.replace(" ", "_")


def _choices(kind: Kind, shown: Window, days: int) -> tuple[Button, ...]:
    """The windows of so many days: each leads to its sizes."""
    return tuple(
        option(
            f"{counted(each.days, 'day')}, {_UNITS[each.unit]}",
            f"windows.{kind.value}.{_called(each)}",
            is_chosen=each is shown,
        )
        for each in Window
        if each.days == days
    )


def _sizes(kind: Kind, window: Window, verb: str, *, held: int | None) -> tuple[Button, ...]:
    """The usual sizes, and the one that was typed; one that is chosen ends it."""
    unit = " %" if window.unit == "percent" else ""
    buttons = []
    for size in sorted({*PRESETS[window.unit], *(() if held is None else (held,))}):
        said, is_chosen = f"{size / 100:g}", size == held
        rule = "off" if is_chosen else f"{said}_{window.unit}_{window.days}_days"
        subject = f"move.{verb}_{rule}_{kind.value}"
        buttons.append(option(f"{_SIGNS[verb]} {said}{unit}", subject, is_chosen=is_chosen))
    return tuple(buttons)
