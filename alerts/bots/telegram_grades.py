"""Tokens and their grades as lines for Telegram: one in full, or many in columns."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.bots.grades import Graded
from alerts.bots.telegram_subjects import labels
from alerts.channels.telegram_markup import (
    DISCLAIMER,
    DOWN,
    UP,
    Line,
    block,
    bold,
    day_of,
    italic,
    linked,
    literal,
    moment,
    say,
)
from alerts.channels.telegram_told import SOURCES
from alerts.channels.wording import counted, isolated, points, shown
from alerts.domain.digests import read_rung
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.ratings import BandPolicy, Rating
from alerts.domain.verdicts import readings_needed
from alerts.store.events import EventRecord

Policies = Mapping[Kind, BandPolicy]
NO_GRADE: Final = "not graded yet"
# A phone shows some thirty letters of a block in one line.
LONGEST_CELL: Final = 10
LONGEST_COMPONENT: Final = 22
COMPONENTS_SHOWN: Final = 12


def called(graded: Graded) -> Line:
    """A token's symbol and name, which leads to its page."""
    token = graded.token
    name = [say(" · "), linked(literal(token.name), graded.url)] if token.name else []
    return [bold(literal(token.symbol)), *name]


def standing(rating: Rating | None, policy: BandPolicy) -> str:
    """A band and a score, or that there is none."""
    if rating is None:
        return NO_GRADE
    if rating.withdrawn:
        return "no longer graded"
    return f"{policy.name_of(rating.rank)} {points(rating.score)}"


def in_a_line(graded: Graded, policies: Policies) -> Line:
    """A token with its grades, briefly."""
    held = [
        f"{standing(graded.ratings[kind], policies[kind])}{' ⚠️ not fresh' * (kind in graded.stale)}"
        for kind in Kind
        if kind in graded.ratings
    ]
    stands = " · ".join(held) or NO_GRADE
    name = graded.token.name
    apart = f" {literal(name)}" if name and name != graded.token.symbol else ""
    return [bold(literal(graded.token.symbol)), say(f"{apart}: {stands}")]


def ratings_of(graded: Graded, policies: Policies, now: datetime) -> list[Line]:
    """Each grade with its band, its score, and since when the band is held."""
    lines: list[Line] = []
    for kind in Kind:
        rating, title = graded.ratings.get(kind), f"{kind.value.capitalize()} grade: "
        if rating is None or rating.withdrawn:
            lines.append([say(f"{title}{standing(rating, policies[kind])}")])
            continue
        band = policies[kind].name_of(rating.rank)
        days = (now - rating.since).days
        held = f", {counted(days, 'day')}" if days > 0 else ""
        lines.append([say(title), bold(band), say(f" {points(rating.score)}")])
        lines.append([say("since "), day_of(rating.since), say(held)])
        if kind in graded.stale:
            lines.append([say("⚠️ no fresh data since "), day_of(rating.as_of)])
        lines += _unsettled(rating, policies[kind])
    return lines


def _unsettled(rating: Rating, policy: BandPolicy) -> list[Line]:
    """What the last reading would change, and why that is not told yet."""
    if rating.is_flapping:
        return [[italic("Its band goes to and fro: a change is told once it settles.")]]
    if rating.pending is None:
        return []
    band = policy.name_of(policy.rank_held(rating.rank, rating.score))
    seen, needed = len(rating.pending.seen), readings_needed(rating, policy)
    return [[italic(f"Now in {band}: told after {needed} readings in a row, {seen} so far.")]]


def components_of(graded: Graded) -> list[Line]:
    """What each grade is made of, in columns; of a grade that says nothing of it nothing."""
    lines: list[Line] = []
    for kind, rating in sorted(graded.ratings.items()):
        known = [] if rating.withdrawn else [one for one in rating.components if one[1] is not None]
        names = {name: cell(name.replace("_", " "), LONGEST_COMPONENT) for name, _ in known}
        wide = max(map(width, names.values()), default=0)
        rows = [
            f"{padded(names[name], wide)} {points(score):>6}"
            for name, score in known[:COMPONENTS_SHOWN]
            if score is not None
        ]
        if rows:
            lines += [[italic(f"What the {kind.value} grade is made of")]]
            lines += [[block("\n".join(rows))]]
    return [[], *lines] if lines else []


def change_line(event: EventRecord | None) -> Line:
    """The last upgrade or downgrade, and when."""
    data: Mapping[str, Any] = {} if event is None else msgspec.json.decode(event.body)["data"]
    before, after = read_rung(data.get("from")), read_rung(data.get("to"))
    if event is None or before is None or after is None:
        return [say("No upgrade or downgrade so far")]
    is_up = event.type is EventType.UPGRADED
    word = f"{UP} upgraded" if is_up else f"{DOWN} downgraded"
    bands = f"{literal(before.band)} → {literal(after.band)}"
    return [say(f"Last change: {word}, {bands} ({data['kind']}), "), moment(event.at)]


def source_lines(graded: Graded) -> list[Line]:
    """The time of the newest grade, where it is from, and what it is not."""
    name = graded.token.source
    source = literal(SOURCES.get(name, name.replace("_", " ")))
    newest = max((rating.as_of for rating in graded.ratings.values()), default=None)
    at = [] if newest is None else [say("As of "), moment(newest), say(" · ")]
    return [[*at, say(f"source: {source}")], [italic(DISCLAIMER)]]


def table_lines(graded: Sequence[Graded], kinds: Iterable[Kind], policies: Policies) -> list[Line]:
    """Tokens in columns, the grades of each below one another; and which grades they are.

    A letter says so where there are two.
    """
    asked = sorted(kinds)
    cells = [cell(name, LONGEST_CELL) for name in labels([each.token for each in graded])]
    wide = max(map(width, cells), default=0)
    rows: list[str] = []
    for name, each in zip(cells, graded, strict=True):
        for place, kind in enumerate(asked):
            letter = f"{_letter(kind)} " if len(asked) > 1 else ""
            first = padded("" if place else name, wide)
            rows.append(f"{first}  {letter}{_columns(each.ratings.get(kind), policies[kind])}")
    if len(asked) > 1:
        means = " · ".join(f"{_letter(kind)}: {kind.value} grade" for kind in asked)
    else:
        means = "".join(f"{kind.value.capitalize()} grades" for kind in asked)
    return [[block("\n".join(rows))], [italic(means)]]


def cell(name: str, most: int) -> str:
    """A name in a block, where clients make no links: as it is, at most so long."""
    return isolated(shown(name, most=most))


def width(text: str) -> int:
    """How many columns a text takes."""
    wide = sum(1 + (unicodedata.east_asian_width(sign) in {"W", "F"}) for sign in text)
    return wide - sum(unicodedata.category(sign) in {"Mn", "Me", "Cf"} for sign in text)


def padded(text: str, wide: int) -> str:
    """A text that takes so many columns at least."""
    return text + " " * (wide - width(text))


def _letter(kind: Kind) -> str:
    return kind.value[:1].upper()


def _columns(rating: Rating | None, policy: BandPolicy) -> str:
    if rating is None or rating.withdrawn:
        return f"    – {standing(rating, policy)}"
    return f"{points(rating.score):>5} {policy.name_of(rating.rank)}"
