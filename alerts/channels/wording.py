"""Words that are the same on every platform; what a platform makes of signs is its own matter."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from alerts.domain.digests import Digest
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Reach, Threshold
from alerts.domain.windows import MOST_PERCENT

KIND_NAMES: Final = {Kind.FUNDAMENTAL: "Fundamental grades", Kind.TRADER: "Trader grades"}
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_A_DAY: Final = timedelta(hours=12)
# Names come from anywhere; one longer than this is cut, so that what stands beside it is seen.
LONGEST_NAME: Final = 32
# Cc control, Cf format (direction marks, zero width), Cs lone surrogates, Zl and Zp line ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FIRST_STRONG, _END_ISOLATE = "\u2068", "\u2069"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def shown(name: str, *, most: int = LONGEST_NAME) -> str:
    """A name without what nobody sees, at most so long; never empty."""
    seen = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN).strip() or "?"
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def isolated(text: str) -> str:
    """Text whose direction is kept to itself, where it runs from the right."""
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        return f"{_FIRST_STRONG}{text}{_END_ISOLATE}"
    return text


def points(hundredths: int) -> str:
    """A score as people write it."""
    return f"{hundredths / 100:.1f}"


def signed(hundredths: int) -> str:
    """A change of score, with its sign."""
    rounded = f"{abs(hundredths) / 100:.1f}"
    return f"{'+' if hundredths >= 0 else '−'}{rounded}"


class Start(NamedTuple):
    """Where what is told began. score: hundredths of a point."""

    score: int
    as_of: datetime


def start_of(data: Mapping[str, Any]) -> Start | None:
    """At the reading before, and a move within a window at its lowest, or highest, of that.

    None where nothing was before. data: a payload's.
    """
    window = data.get("window")
    seen = data["from"] if window is None else window["from"]
    if seen is None:
        return None
    return Start(round(seen["score"] * 100), datetime.fromisoformat(seen["as_of"]))


def component_moves(data: Mapping[str, Any], *, most: int) -> list[tuple[str, str]]:
    """Names of component scores and their changes, as many at most; without what would be 0.0.

    They are of the last reading, so of a move that began before that there are none to name.
    data: a payload's, in which the largest changes are first.
    """
    window = data.get("window")
    if window is not None and window["from"]["as_of"] != data["from"]["as_of"]:
        return []
    moves = [
        (each["name"], round((each["delta"] or 0) * 100)) for each in data.get("components", ())
    ]
    seen = [(name, delta) for name, delta in moves if points(abs(delta)) != points(0)]
    return [(name.replace("_", " "), signed(delta)) for name, delta in seen[:most]]


def counted(count: int, noun: str) -> str:
    """A number of things: 1 token, 2 tokens, 1,024 tokens."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def symbols(token: Mapping[str, Any]) -> tuple[str, str | None]:
    """The symbol of a payload's token, and the one that it bore until lately, if it was renamed."""
    return token["symbol"], token.get("formerly")


def mass_words(data: Mapping[str, Any]) -> str:
    """That a change is one of very many of its cycle; empty where it is not. data: a payload's."""
    mass = (data.get("cycle") or {}).get("mass_move")
    if mass is None:
        return ""
    up, down = mass["upgraded"], mass["downgraded"]
    of_all = f"{up + down:,} of {counted(mass['tokens'], data['kind'] + ' grade')}"
    return f"Part of a mass move: {of_all} changed band at once, {up:,} up and {down:,} down"


def crossed_words(data: Mapping[str, Any], threshold: int | None = None) -> str:
    """Where a crossing went, such as "above 85". data: a payload's.

    threshold: the one that is told of, in hundredths; else as far as the score went.
    """
    crossed = data.get("crossed")
    if crossed is None:
        return ""
    is_upward = crossed["direction"] == "up"
    end = f"{data['to']['score']:g}" if threshold is None else f"{threshold / 100:g}"
    if threshold is None:
        return f"up to {end}" if is_upward else f"down to {end}"
    return f"{'above' if is_upward else 'below'} {end}"


def threshold_words(named: Threshold) -> str:
    """The scores that somebody named, such as "trader above 85 or below 20"."""
    sides = (("above", named.above), ("below", named.below))
    scores = [f"{side} {score / 100:g}" for side, score in sides if score is not None]
    return f"{named.kind.value} {' or '.join(scores)}"


def moved_words(data: Mapping[str, Any]) -> str:
    """How far a score went, such as "rose 15.5 points within 7 days". data: a payload's."""
    window = data.get("window")
    if window is None:
        return ""
    went = "rose" if data["to"]["score"] > window["from"]["score"] else "fell"
    size = _size(round(window["through"], 1), window["unit"])
    days = counted(window["days"], "day")
    # Of a score of 0, or of next to nothing, any rise is more than can be said.
    is_most = window["unit"] == "percent" and window["through"] * 100 >= MOST_PERCENT
    return f"{went} {size}{' or more' if is_most else ''} within {days}"


def reach_words(named: Reach) -> str:
    """How far somebody named, such as "trader up 15 points or more within 7 days"."""
    window = named.window
    sides = {"up": named.rise, "down": named.fall}
    if named.rise == named.fall:
        sides = {"up or down": named.rise}
    sizes = [
        f"{side} {_size(size / 100, window.unit)}"
        for side, size in sides.items()
        if size is not None
    ]
    within = f"or more within {counted(window.days, 'day')}"
    return f"{named.kind.value} {' or '.join(sizes)} {within}"


def _size(size: float, unit: str) -> str:
    if unit == "percent":
        return f"{size:g} %"
    return f"{size:g} point{'' if size == 1 else 's'}"


def condition_words(asked: Condition) -> str:
    """What the other grade must be, such as "fundamental is at least 80 and below 95"."""
    sides = (("at least", asked.at_least), ("below", asked.below))
    named = [f"{side} {score / 100:g}" for side, score in sides if score is not None]
    return f"{asked.kind.value} is {' and '.join(named)}"


def noise_words(data: Mapping[str, Any]) -> str:
    """What a change had to do with noise: that it was confirmed, or that its band goes to and fro.

    Empty where nothing. data: a payload's.
    """
    flapping, settled, confirms = (data.get(key) for key in ("flapping", "settled", "confirms"))
    if flapping is not None:
        times, cycles = (
            counted(flapping["reversals"], "time"),
            counted(flapping["settles"], "cycle"),
        )
        return f"It went back {times} in a row: told again once it holds a band for {cycles}"
    seen = f"Seen in {counted(len(confirms) + 1, 'cycle')} in a row" if confirms else ""
    if settled is None:
        return seen
    return f"It has settled after going to and fro. {seen}".strip()


def dates_of(digest: Digest) -> str:
    """The local days of the week, such as 16–22 Nov 2026; and of how many weeks it is.

    They are those that lie in it for the larger part: seven for each week, and none twice.
    """
    zone = ZoneInfo(digest.time_zone)
    first = (digest.starts_at.astimezone(zone) + _HALF_A_DAY).date()
    last = max(first, (digest.ends_at.astimezone(zone) - _HALF_A_DAY).date())
    merged = f" · {digest.weeks} weeks in one" if digest.weeks > 1 else ""
    return f"{_days(first, last)}{merged}"


def _days(first: date, last: date) -> str:
    end = f"{last.day} {MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {MONTHS[first.month - 1]}{year} – {end}"
