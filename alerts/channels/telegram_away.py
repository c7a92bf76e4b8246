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
    stand: dict[tuple[str, ...], Rung | None] = {}
    for one in told:
        stories.setdefault(_about(one), []).append(one)
        if one.is_grade and one.type is not EventType.RESTATED:
            stand[_whose(one)] = one.after
    company = company_of(told)
    found = [
        _came_to(story, company, now=stand.get(_whose(story[-1]))) for story in stories.values()
    ]
    found.sort(key=lambda outcome: _ORDER.index(outcome[0]))
    rows = [row for _, row in found]
    return _counts(mark for mark, _ in found), rows


def _about(one: Told) -> tuple[str, ...]:
    """What is one story. What is about no token, or is not known any more, is one of its own.

    What was asked for by a rule is none of the bands' story: of it the newest is told.
    """
    if not one.is_grade or one.type not in RULED:
        return _whose(one)
    window = one.data.get("window", {})
    return (*_whose(one), "rule", str(window.get("days")), str(window.get("unit")))


def _whose(one: Told) -> tuple[str, ...]:
    """The grade that it is of."""
    return (one.data["token"]["id"], one.data["kind"]) if one.is_grade else (one.id,)


def _came_to(story: Sequence[Told], company: Company, *, now: Rung | None) -> tuple[str, Line]:
    """What several events of one token and kind came to, oldest first: its mark, and its line.

    now: what is told last of that grade, by whichever event.
    """
    last = story[-1]
    if not last.is_grade:
        return LEVEL, row_of(last, company)
    if last.type in RULED:
        return _since(last, row_of(last, company), now)
    if len(story) == 1 or last.after is None:
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


def _since(last: Told, row: Line, now: Rung | None) -> tuple[str, Line]:
    """What a rule asked for, and where the score went after it, if that was told."""
    if last.after is None or now is None or now.score == last.after.score:
        return last.mark, row
    after = say(f", now {points(now.score)}")
    goes_on = UP if now.score > last.after.score else DOWN
    mark = last.mark if last.mark == goes_on else LEVEL
    return mark, [say(f"{mark} "), *row[1:], after]


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
