"""A digest as lines for Telegram: the week in words, as many whole rows as there is room for."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Final

from alerts.channels.telegram_markup import (
    DISCLAIMER,
    DOWN,
    LEVEL,
    MOST_TEXT,
    UP,
    Line,
    Piece,
    bold,
    italic,
    length,
    literal,
    moment,
    say,
)
from alerts.channels.wording import KIND_NAMES, counted, dates_of, points, signed
from alerts.domain.digests import Digest, KindDigest
from alerts.domain.digests import Line as Row
from alerts.domain.grades import Kind

# Of each direction and kind; a chat is no place for a table of a hundred.
ROWS_SHOWN: Final = 10
# What is counted and not listed.
_ALSO: Final = {
    "initiated": "new",
    "withdrawn": "no longer graded",
    "returned": "back where they were",
    "corrections": "corrected",
    "stale": "without fresh data",
}


def digest_lines(digest: Digest, *, title: str = "") -> list[Line]:
    """A week: what is watched first, then its largest changes; what is left out is counted.

    title: of seven days that end now, of which today is one; else the days are named.
    """
    # A source may grade in one way alone.
    kinds = [kind for kind in digest.kinds if kind.tokens or not kind.is_empty]
    lines: list[Line] = [[bold(title or f"Weekly grades · {dates_of(digest)}")]]
    is_silent = bool(kinds) and all(kind.is_stale for kind in kinds)
    newest = max((kind.as_of for kind in kinds if kind.as_of is not None), default=None)
    since = "No fresh data since " if is_silent else "Data up to "
    ending: list[Line] = [] if newest is None else [[say(since), moment(newest)]]
    ending.append([italic(DISCLAIMER)])
    if digest.is_empty:
        quiet = (
            "Nothing is known to have changed." if is_silent else "A quiet week: nothing changed."
        )
        return [*lines, [say(quiet)], *ending]
    for kind in kinds:
        lines += _counts(kind)
    for heading, rows, total in _sections(kinds):
        # An empty line stands before each, and before what ends it.
        room = MOST_TEXT - length([*lines, [], [], *ending]) - 1
        lines += _section(heading, rows, total=total, room=room)
    return [*lines, [], *ending]


def _counts(kind: KindDigest) -> list[Line]:
    up, down = kind.upgrades.total, kind.downgrades.total
    changes = f"{counted(up, 'upgrade')}, {counted(down, 'downgrade')}"
    if not up and not down:
        changes = "no upgrades or downgrades"
    among = f"{changes} among {counted(kind.tokens, 'token')}"
    also = [
        f"{section.total:,} {words}"
        for name, words in _ALSO.items()
        if (section := getattr(kind, name)).total
    ]
    if kind.rebased:
        also.append("the bands themselves changed")
    lines: list[Line] = [[say(f"{KIND_NAMES[kind.kind]}: {among}")]]
    return [*lines, [say(" · ".join(also))]] if also else lines


def _sections(kinds: Sequence[KindDigest]) -> Iterator[tuple[str, list[Line], int]]:
    """What is listed: headings, rows, and how many there are. Nothing is listed twice."""
    often = _shared(kinds)
    watched = [
        _row(line, often, kind=kind.kind if len(kinds) > 1 else None)
        for kind in kinds
        for line in kind.watched.lines
    ]
    if watched:
        yield "What you follow", watched, sum(kind.watched.total for kind in kinds)
    for kind in kinds:
        above = [line.notches for line in kind.watched.lines]
        for word, section, listed in (
            ("upgrades", kind.upgrades, sum(notches > 0 for notches in above)),
            ("downgrades", kind.downgrades, sum(notches < 0 for notches in above)),
        ):
            others = [line for line in section.lines if not line.watched]
            rows = [_row(line, often) for line in others[:ROWS_SHOWN]]
            if rows:
                yield f"{KIND_NAMES[kind.kind]}: {word}", rows, section.total - listed


def _shared(kinds: Sequence[KindDigest]) -> frozenset[str]:
    """Symbols that several tokens bear of those that are listed."""
    listed = {
        line.token.id: line.token.symbol
        for kind in kinds
        for section in (kind.watched, kind.upgrades, kind.downgrades)
        for line in section.lines
    }
    often = Counter(listed.values())
    return frozenset(symbol for symbol, times in often.items() if times > 1)


def _section(title: str, rows: Sequence[Line], *, total: int, room: int) -> list[Line]:
    """A section within so many characters; nothing where not a row of it fits."""
    taken: list[Line] = [[], [bold(title)]]
    for row in rows:
        if length([*taken, row, _more(total)]) > room:
            break
        taken.append(row)
    left = total - (len(taken) - 2)
    if left == total:
        return []
    return [*taken, _more(left)] if left else taken


def _more(left: int) -> Line:
    return [say(f"and {left:,} more")]


def _row(line: Row, often: Container[str], *, kind: Kind | None = None) -> Line:
    """A token's way. often: symbols of which others bear the same, so that its name is said too."""
    token = line.token
    name = f" ({literal(token.name)})" if token.symbol in often and token.name else ""
    mark = UP if line.notches > 0 else DOWN if line.notches < 0 else LEVEL
    of_kind = "" if kind is None else f" · {kind.value}"
    called: list[Piece] = [say(f"{mark} "), bold(literal(token.symbol)), say(name)]
    return [*called, say(f" {_way(line)}{of_kind}")]


def _way(line: Row) -> str:
    before, after = line.before, line.after
    if after is None:
        return "is no longer graded"
    if before is None:
        return f"is graded for the first time: {literal(after.band)} · {points(after.score)}"
    score = f"{points(after.score)} ({signed(after.score - before.score)})"
    if line.notches:
        return f"{literal(before.band)} → {literal(after.band)} · {score}"
    back = "changed and is back at " if line.moves else ""
    return f"{back}{literal(after.band)} · {score}"
