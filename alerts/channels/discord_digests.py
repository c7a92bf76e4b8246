"""A digest as a Discord message: the week in words, and what is to be drawn beside it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from alerts.channels.discord_embeds import (
    ALT_TEXT,
    CHARACTERS,
    DiscordMessage,
    Field,
    Page,
    Picture,
    fill,
)
from alerts.channels.discord_text import (
    counted,
    linked,
    literal,
    moment,
    points,
    shown,
    signed,
)
from alerts.channels.wording import KIND_NAMES, dates_of
from alerts.domain.digests import SECTIONS, Digest, KindDigest, Line, Section

COLOUR: Final = 0x4C6EF5
FOOTER: Final = "Gradebell · model output, not financial advice"
HIGHEST: Final = "highest"
STALE: Final = "stale"
TIMES: Final = {1: "once", 2: "twice"}
# Changes of each direction that the words beside a picture name.
NAMED_IN_ALT: Final = 3

_Name = Callable[[Line], str]
_Row = Callable[[Line, _Name], str]


@dataclass(frozen=True, slots=True)
class _Part:
    """How a section is shown. rank: those of a lower one get their rows first."""

    heading: str
    rank: int
    row: _Row
    between: str = "\n"


def render_digest(digest: Digest) -> DiscordMessage:
    """A week, within Discord's limits: rows are whole, and what is left out is counted."""
    head = Page(COLOUR, f"Weekly grades · {dates_of(digest)}", description=_summary(digest))
    pages, ranked = [head], list[tuple[int, Field]]()
    if not digest.is_empty:
        name = _naming(digest)
        for kind in digest.kinds:
            page = Page(COLOUR, KIND_NAMES[kind.kind], description=_note(kind))
            fields = list(_fields(kind, name))
            page.fields = [one for _, one in fields]
            if fields or page.description:
                pages.append(page)
                ranked += fields
    pages[-1].footer = FOOTER
    room = CHARACTERS - sum(page.cost for page in pages)
    for rank in sorted({rank for rank, _ in ranked}):
        room = fill([one for its, one in ranked if its == rank], room)
    picture = Picture(digest, alt_text(digest)) if digest.has_grades else None
    return DiscordMessage(tuple(page.embed() for page in pages), picture)


def alt_text(digest: Digest) -> str:
    """What the picture shows, for those who do not see it; in whole sentences."""
    said = f"Weekly grades, {dates_of(digest)}."
    for sentence in _sentences(digest):
        if len(said) + 1 + len(sentence) > ALT_TEXT:
            break
        said = f"{said} {sentence}"
    return said


def _summary(digest: Digest) -> str:
    known = _known(digest)
    newest = max((kind.as_of for kind in known if kind.as_of is not None), default=None)
    is_silent = newest is not None and all(kind.is_stale for kind in known)
    if newest is None:
        until = f"Up to {moment(digest.ends_at)}"
    else:
        until = f"{'No fresh data since' if is_silent else 'Data up to'} {moment(newest)}"
    if not digest.is_empty:
        return "\n".join(
            [*(_counts(kind, says_since=not is_silent) for kind in known), f"{until}."]
        )
    if is_silent:
        return f"{until}, so nothing is known to have changed."
    tokens = max((kind.tokens for kind in known), default=0)
    stale = max((kind.stale.total for kind in known), default=0)
    late = f" {counted(stale, 'token')} without fresh data." if stale else ""
    among = f" among {counted(tokens, 'token')}" if tokens else ""
    return f"A quiet week: nothing changed{among}.{late} {until}."


def _known(digest: Digest) -> list[KindDigest]:
    """Kinds of which there is anything to say: a source may grade in one way alone."""
    return [kind for kind in digest.kinds if kind.tokens or not kind.is_empty]


def _counts(kind: KindDigest, *, says_since: bool) -> str:
    late = ""
    if not kind.is_stale and kind.stale.total:
        late = f"; {kind.stale.total:,} without fresh data"
    elif kind.is_stale and says_since and kind.as_of is not None:
        late = f"; no fresh data since {moment(kind.as_of)}"
    tokens = counted(kind.tokens, "token")
    return f"**{KIND_NAMES[kind.kind]}:** {_up_and_down(kind)} among {tokens}{late}."


def _up_and_down(kind: KindDigest) -> str:
    up, down = kind.upgrades.total, kind.downgrades.total
    if not up and not down:
        return "no upgrades or downgrades"
    return f"{counted(up, 'upgrade')}, {counted(down, 'downgrade')}"


def _note(kind: KindDigest) -> str:
    if not kind.rebased:
        return ""
    return "The bands themselves changed this week; each change is told on the bands of its day."


def _fields(kind: KindDigest, name: _Name) -> Iterator[tuple[int, Field]]:
    """A kind's sections that hold anything, with their ranks."""
    for key, part in _PARTS.items():
        if key == STALE and kind.is_stale:
            continue  # said of all of them at once
        section: Section = getattr(kind, key)
        rows = [part.row(line, name) for line in section.lines]
        # Of how many tokens these are the highest is no news: of all that are graded.
        total = len(rows) if key == HIGHEST else section.total
        if total:
            heading = part.heading if key == HIGHEST else f"{part.heading} · {total:,}"
            yield part.rank, Field(heading, rows, total, part.between)


def _naming(digest: Digest) -> _Name:
    """How tokens are called: by their symbols, and by their names too where a symbol is shared."""
    tokens = {
        line.token.id: line.token.symbol.casefold()
        for kind in digest.kinds
        for key in SECTIONS
        for line in getattr(kind, key).lines
    }
    shared = {symbol for symbol, count in Counter(tokens.values()).items() if count > 1}

    def name(line: Line) -> str:
        token = line.token
        called = linked(token.symbol, token.url)
        if token.symbol.casefold() in shared:
            called = f"{called} ({literal(token.name or token.id)})"
        return f"★ {called}" if line.watched else called

    return name


def _change(line: Line, name: _Name) -> str:
    before, after = line.before, line.after
    if before is None or after is None:
        return name(line)
    bands = f"{literal(before.band)} → {literal(after.band)}"
    scores = f"{points(before.score)} → {points(after.score)}"
    return f"{name(line)} {bands} · {scores} ({signed(after.score - before.score)})"


def _move(line: Line, name: _Name) -> str:
    before, after = line.before, line.after
    if before is None or after is None:
        return name(line)
    scores = f"{points(before.score)} → {points(after.score)}"
    return f"{name(line)} {literal(after.band)} {scores} ({signed(after.score - before.score)})"


def _return(line: Line, name: _Name) -> str:
    times = TIMES.get(line.moves, f"{line.moves} times")
    return f"{_stand(line, name)}, moved {times}"


def _correction(line: Line, name: _Name) -> str:
    told, right = line.before, line.after
    if told is None or right is None:
        return name(line)
    was = f"{literal(told.band)} {points(told.score)}"
    return (
        f"{name(line)} of {moment(right.as_of, 'd')} was told as {was}"
        f" and is {literal(right.band)} {points(right.score)}"
    )


def _stand(line: Line, name: _Name) -> str:
    at = line.after or line.before
    return name(line) if at is None else f"{name(line)} {literal(at.band)} {points(at.score)}"


def _age(line: Line, name: _Name) -> str:
    return name(line) if line.after is None else f"{name(line)} {moment(line.after.as_of, 'R')}"


_PARTS: Final = {
    "upgrades": _Part("▲ Upgrades", 1, _change),
    "downgrades": _Part("▼ Downgrades", 1, _change),
    "corrections": _Part("Corrected", 2, _correction),
    "moved": _Part("Moved within a band", 3, _move),
    "returned": _Part("Back where they were", 3, _return, " · "),
    HIGHEST: _Part("Highest", 3, _stand, " · "),
    "initiated": _Part("New", 3, _stand, " · "),
    "withdrawn": _Part("No longer graded", 3, _stand, " · "),
    STALE: _Part("Without fresh data", 3, _age, " · "),
}


def _sentences(digest: Digest) -> Iterator[str]:
    for kind in _known(digest):
        yield f"{KIND_NAMES[kind.kind]}: {_up_and_down(kind)}."
        yield from (f"{word}: {named}." for word, named in _named(kind) if named)
        if kind.shares_after:
            yield f"Tokens by band, {_bands(kind)}."


def _named(kind: KindDigest) -> Iterator[tuple[str, str]]:
    for word, section in (("Up", kind.upgrades), ("Down", kind.downgrades)):
        yield (
            word,
            "; ".join(
                f"{shown(line.token.symbol)} from {line.before.band} to {line.after.band}"
                for line in section.lines[:NAMED_IN_ALT]
                if line.before is not None and line.after is not None
            ),
        )


def _bands(kind: KindDigest) -> str:
    before = kind.shares_before if any(kind.shares_before) else (None,) * len(kind.bands)
    parts = []
    for band, was, now in zip(kind.bands, before, kind.shares_after, strict=True):
        parts.append(f"{band} {now:,}" + ("" if was is None else f" (a week ago {was:,})"))
    return ", ".join(parts)
