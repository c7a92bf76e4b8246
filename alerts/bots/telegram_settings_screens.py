"""The screens of `/settings` on Telegram: what is chosen, and buttons that choose otherwise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.bots.telegram_says import Said
from alerts.bots.telegram_settings_buttons import BACK, leads, option
from alerts.bots.telegram_settings_rules import scores_said
from alerts.bots.telegram_settings_windows import moves_said
from alerts.bots.zones import city_of, likely_zones, regions, zones_of
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, italic, literal, say, typed
from alerts.channels.wording import MONTHS, counted
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Filter
from alerts.domain.weeks import Schedule

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# What a button stands for, and what it says.
GRADES: Final = {
    "fundamental": (frozenset({Kind.FUNDAMENTAL}), "Fundamental"),
    "trader": (frozenset({Kind.TRADER}), "Trader"),
    "both": (frozenset(Kind), "Both"),
}
DIRECTIONS: Final = {
    "up": (frozenset({EventType.UPGRADED}), "Upgrades"),
    "down": (frozenset({EventType.DOWNGRADED}), "Downgrades"),
    "both": (BAND_CHANGES, "Both"),
}
_TOLD: Final = {
    EventType.UPGRADED: "upgrades",
    EventType.DOWNGRADED: "downgrades",
    EventType.MOVED: "moves within a band",
}
BANDS: Final = (1, 2, 3, 4)
POINTS: Final = (0, 10, 15, 20)
QUIET: Final = ("22:00–07:00", "23:00–08:00", "21:00–07:00", "00:00–08:00")
# Those at which people look at such a thing.
HOURS: Final = (6, 7, 8, 9, 10, 12, 14, 16, 18, 19, 20, 21)
OFF: Final = "off"
_PAGE: Final = 16
_ON_A_ROW: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a chat has chosen. next_summary: when its weekly summary is due; None: it has none.

    language: of whoever asks.
    """

    wanted: Filter
    time_zone: str | None
    quiet_hours: QuietHours | None
    summary: Schedule | None
    next_summary: datetime | None
    is_paused: bool
    now: datetime
    language: str

    @property
    def moves(self) -> bool:
        """Whether moves within a band are told, too."""
        return EventType.MOVED in self.wanted.types


def main(chosen: Chosen) -> Said:
    """All of it, and a button for each."""
    lines: list[Line] = [
        [bold("⚙️ Settings")],
        [say("Grades: "), bold(_grades(chosen.wanted.kinds))],
        [say("Changes: "), bold(_changes(chosen))],
        [say("Smallest change: "), bold(_smallest(chosen.wanted))],
        [say("Scores: "), bold(scores_said(chosen.wanted))],
        [say("Moves over days: "), bold(moves_said(chosen.wanted))],
        [say("Time zone: "), bold(_zone(chosen))],
        [say("Quiet hours: "), bold(_quiet(chosen))],
        [say("Weekly summary: "), bold(_summary(chosen))],
    ]
    if chosen.is_paused:
        lines.append([say("⏸ Paused: nothing comes until /resume.")])
    elif chosen.wanted.tokens == ():
        lines.append([italic("No token is followed yet: /subscribe BTC begins it.")])
    names = (("Grades", "grades"), ("Changes", "changes"), ("Smallest change", "size"))
    rules = (("Scores", "rules"), ("Moves over days", "windows"))
    more = (("Time zone", "zone"), ("Quiet hours", "quiet"), ("Weekly summary", "week"))
    buttons = [leads(*each) for each in (*names, *rules, *more)]
    return Said(lines=lines, buttons=_rows([*buttons, _LIST]))


def grades(chosen: Chosen) -> Said:
    """Which kinds."""
    lines = [
        [bold("Which grades?")],
        [say("Fundamental grades judge a project for the long run, trader grades its next days.")],
    ]
    options = [
        option(label, f"grades.{name}", is_chosen=kinds == chosen.wanted.kinds)
        for name, (kinds, label) in GRADES.items()
    ]
    return Said(lines=lines, buttons=(tuple(options), BACK))


def changes(chosen: Chosen) -> Said:
    """Which directions, and whether moves within a band."""
    lines = [
        [bold("Which changes?")],
        [say("An upgrade or a downgrade is a change of band, such as Buy to Strong Buy.")],
        [say("Moves within a band are smaller, and many more.")],
    ]
    told = chosen.wanted.types & BAND_CHANGES
    options = [
        option(label, f"changes.{name}", is_chosen=types == told)
        for name, (types, label) in DIRECTIONS.items()
    ]
    turn = "off" if chosen.moves else "on"
    moves = option("Moves within a band", f"moves.{turn}", is_chosen=chosen.moves)
    return Said(lines=lines, buttons=(tuple(options), (moves,), BACK))


def size(chosen: Chosen) -> Said:
    """How many bands; and where moves are told, how many points."""
    wanted = chosen.wanted
    example = say("Two bands are a change such as Neutral to Strong Buy.")
    lines: list[Line] = [[bold("How large must a change be?")], [example]]
    bands = tuple(
        option(_bands(many), f"size.{many}", is_chosen=many == wanted.min_notches) for many in BANDS
    )
    rows: list[tuple[Button, ...]] = [bands[:_ON_A_ROW], bands[_ON_A_ROW:]]
    if chosen.moves:
        lines.append([say("Points are those of the score, and count for every change.")])
        rows.append(
            tuple(
                option(
                    f"{points} points" if points else "Any size",
                    f"points.{points}",
                    is_chosen=points * 100 == wanted.min_delta,
                )
                for points in POINTS
            )
        )
    return Said(lines=lines, buttons=(*rows, BACK))


def zone(chosen: Chosen, *, why: str = "") -> Said:
    """The zones that are likely, and the parts of the world. why: one has to be chosen."""
    lines: list[Line] = [[bold("What time is it where you are?")]]
    if why:
        lines.append([say(why)])
    lines += [[say("Choose a city with your clock, or type")], [typed("/settings zone Berlin")]]
    likely = _rows(_clock(name, chosen) for name in likely_zones(chosen.language))
    world = _rows(leads(f"{region} ›", f"zones.{region}.0") for region in regions())
    return Said(lines=lines, buttons=(*likely, *world, BACK))


def zones(chosen: Chosen, region: str, page: int) -> Said:
    """A region's zones, a page of them."""
    found = zones_of(region)
    last = max(0, (len(found) - 1) // _PAGE)
    page = min(max(page, 0), last)
    shown = found[page * _PAGE : (page + 1) * _PAGE]
    turn = []
    if page > 0:
        turn.append(leads("‹", f"zones.{region}.{page - 1}"))
    if last:
        turn.append(leads(f"{page + 1}/{last + 1}", f"zones.{region}.{page}"))
    if page < last:
        turn.append(leads("›", f"zones.{region}.{page + 1}"))
    rows = _rows(_clock(name, chosen) for name in shown)
    lines = [[bold(f"{region}: what time is it where you are?")]]
    return Said(lines=lines, buttons=(*rows, *([tuple(turn)] if turn else []), _OTHER_ZONES))


def found_zones(chosen: Chosen, name: str, found: Sequence[str]) -> Said:
    """What somebody who typed that may mean."""
    asked = literal(name)
    if not found:
        lines = [
            [bold(f"I know no time zone like {asked}.")],
            [say("A city or a country will do:")],
            [typed("/settings zone Berlin")],
        ]
        likely = _rows(_clock(name, chosen) for name in likely_zones(chosen.language))
        return Said(lines=lines, buttons=(*likely, _OTHER_ZONES))
    lines = [[bold(f"Which one for {asked}?")], [say(f"{len(found)} time zones fit.")]]
    rows = _rows(_clock(name, chosen) for name in found[:_PAGE])
    return Said(lines=lines, buttons=(*rows, _OTHER_ZONES))


def quiet(chosen: Chosen, *, is_offered: bool = False, unread: str = "") -> Said:
    """Quiet hours. is_offered: for a zone was chosen just now. unread: what was typed instead."""
    lines: list[Line] = []
    if unread:
        lines.append([bold(f"I cannot read {literal(unread)} as hours.")])
    elif is_offered:
        lines.append([bold(f"Your time zone is {_zone(chosen)}.")])
        lines.append([say("Shall it be quiet at night?")])
    else:
        lines.append([bold("Quiet hours: "), bold(_quiet(chosen))])
    lines.append([say("What changes meanwhile comes when they end, in one message.")])
    lines += [[say("For other times, type")], [typed("/settings quiet 22:30-06:30")]]
    held = None if chosen.quiet_hours is None else chosen.quiet_hours.shown
    rows = _rows(
        option(each, f"quiet.{each.replace('–', '-')}", is_chosen=each == held) for each in QUIET
    )
    none = "Not now" if is_offered else "Off"
    off = option(none, "quiet.off", is_chosen=held is None and not is_offered)
    return Said(lines=lines, buttons=(*rows, (off,), BACK))


def week(chosen: Chosen, *, unread: str = "") -> Said:
    """The weekly summary: its day and its hour. unread: what was typed instead."""
    lines: list[Line] = []
    if unread:
        lines.append([bold(f"I cannot read {literal(unread)} as a day and an hour.")])
    lines.append([bold("Weekly summary: "), bold(_summary(chosen))])
    what = "The upgrades and downgrades of a week, those of followed tokens first."
    lines.append([say(f"{what} It comes within an hour of the time chosen.")])
    lines += [[say("For other hours, type")], [typed("/settings week friday 22")]]
    held = chosen.summary
    days = tuple(
        option(
            name[:2], f"week.day.{number}", is_chosen=held is not None and held.weekday == number
        )
        for number, name in enumerate(DAYS, start=1)
    )
    hours = [
        option(f"{hour}:00", f"week.hour.{hour}", is_chosen=held is not None and held.hour == hour)
        for hour in HOURS
    ]
    off = option("Off", "week.off", is_chosen=held is None)
    return Said(lines=lines, buttons=(days, *_rows(hours, on_a_row=4), (off,), BACK))


def _grades(kinds: Iterable[Kind]) -> str:
    return " and ".join(kind.value for kind in Kind if kind in kinds)


def _changes(chosen: Chosen) -> str:
    told = [name for each, name in _TOLD.items() if each in chosen.wanted.types]
    return " and ".join((", ".join(told[:-1]), told[-1])) if len(told) > 1 else "".join(told)


def _smallest(wanted: Filter) -> str:
    points = f", and {counted(wanted.min_delta // 100, 'point')}" if wanted.min_delta else ""
    return f"{_bands(wanted.min_notches)}{points}"


def _bands(many: int) -> str:
    return counted(many, "band")


def _zone(chosen: Chosen) -> str:
    if chosen.time_zone is None:
        return "not chosen"
    return f"{chosen.time_zone}, {_time_in(chosen.time_zone, chosen.now)} now"


def _quiet(chosen: Chosen) -> str:
    return "off" if chosen.quiet_hours is None else chosen.quiet_hours.shown


def _summary(chosen: Chosen) -> str:
    held = chosen.summary
    if held is None:
        return "off"
    day = f"{DAYS[held.weekday - 1]}s"
    if chosen.next_summary is None:
        return f"{day}, {held.hour}:00"
    local = chosen.next_summary.astimezone(ZoneInfo(held.time_zone))
    return f"{day}, next on {local.day} {MONTHS[local.month - 1]} at {local:%H:%M}"


def _clock(name: str, chosen: Chosen) -> Button:
    """A zone by its city and what its clocks show."""
    label = f"{city_of(name)} · {_time_in(name, chosen.now)}"
    return option(label, f"zone.{name}", is_chosen=name == chosen.time_zone)


def _time_in(name: str, now: datetime) -> str:
    return f"{now.astimezone(ZoneInfo(name)):%H:%M}"


def _rows(buttons: Iterable[Button], *, on_a_row: int = _ON_A_ROW) -> Rows:
    every = tuple(buttons)
    return tuple(every[start : start + on_a_row] for start in range(0, len(every), on_a_row))


_LIST: Final = Button("📋 List", Wanted(Verb.LIST, "1"))
_OTHER_ZONES: Final = (leads("‹ Other zones", "zone"),)
