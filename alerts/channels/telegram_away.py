"""What came in quiet hours, as it stands after them: of each token and kind, what it came to."""

from collections.abc import Iterable, Sequence
from typing import Final

from alerts.channels.telegram_markup import DOWN, LEVEL, UP, Line, bold, say
from alerts.channels.telegram_told import TITLES, Company, Told, band_of, company_of, row_of
from alerts.channels.wording import points, signed
from alerts.domain.digests import Rung
from alerts.domain.events import RULED, EventType

_ORDER: Final = (UP, DOWN, LEVEL)


def away_title(hours: str) -> str:
    """What is said first. hours: such as 22:00–07:00; empty where there are none any more."""
    return f"While you were away ({hours})" if hours else "While you were away"


def away_rows(told: Sequence[Told]) -> tuple[str, list[Line]]:
    """How many went up or down, and a line for each token and kind, upgrades first."""
    stories: dict[tuple[str, ...], list[Told]] = {}
    for one in told:
        stories.setdefault(_about(one), []).append(one)
    company = company_of(told)
    found = [_came_to(story, company) for story in stories.values()]
    found.sort(key=lambda outcome: _ORDER.index(outcome[0]))
    rows = [row for _, row in found]
    return _counts(mark for mark, _ in found), rows


def _about(one: Told) -> tuple[str, ...]:
    """What is one story. What is about no token, or is not known any more, is one of its own.

    What was asked for by a rule is none of the bands' story: of it the newest is told.
    """
    if not one.is_grade:
        return (one.id,)
    about = (one.data["token"]["id"], one.data["kind"])
    if one.type not in RULED:
        return about
    window = one.data.get("window", {})
    return (*about, "rule", str(window.get("days")), str(window.get("unit")))


def _came_to(story: Sequence[Told], company: Company) -> tuple[str, Line]:
    """What several events of one token and kind came to, oldest first: its mark, and its line."""
    last = story[-1]
    if not last.is_grade:
        return LEVEL, row_of(last, company)
    if len(story) == 1 or last.after is None or last.type in RULED:
        return last.mark, row_of(last, company)
    name, kind = company.name(last), company.kind(last)
    start, end = story[0].before, last.after
    if start is None or story[0].type is EventType.REINSTATED:
        # It has no grade that was known before; what it was first graded is not news any more.
        called = f"{last.symbol}{name}"
        title = TITLES[story[0].type].format(symbol=called, after=band_of(end), before="")
        return LEVEL, [say(f"{LEVEL} {title}{kind}")]
    score = f" · {points(end.score)} ({signed(end.score - start.score)})"
    if start.rank != end.rank:
        mark = UP if end.rank > start.rank else DOWN
        bands = f"{band_of(start)} → {band_of(end)}"
        return mark, [say(f"{mark} "), bold(last.symbol), say(f"{name} {bands}{kind}{score}")]
    between = [one.after for one in story if one.after is not None]
    farthest = max(between, key=lambda rung: abs(rung.rank - start.rank))
    said = band_of(end) if farthest.rank == start.rank else _and_back(start, farthest)
    return LEVEL, [say(f"{LEVEL} "), bold(last.symbol), say(f"{name} {said}{kind}{score}")]


def _and_back(start: Rung, farthest: Rung) -> str:
    went = "upgraded" if farthest.rank > start.rank else "downgraded"
    return f"was {went} to {band_of(farthest)} and is back at {band_of(start)}"


def _counts(marks: Iterable[str]) -> str:
    """Empty where nothing is up or down in the end."""
    found = list(marks)
    words = {UP: "up", DOWN: "down", LEVEL: "other"}
    if found.count(LEVEL) == len(found):
        return ""
    return " · ".join(
        f"{mark} {found.count(mark)} {word}" for mark, word in words.items() if mark in found
    )
