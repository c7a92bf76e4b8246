"""A digest as lines for Telegram: the week in words, as many whole rows as there is room for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from alerts.channels.telegram_markup import (
    DISCLAIMER,
    DOWN,
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

# Of each direction and kind; a chat is no place for a table of a hundred.
ROWS_SHOWN: Final = 10


def digest_lines(digest: Digest, *, title: str = "Weekly grades") -> list[Line]:
    """A week, its largest changes first; what is left out is counted."""
    # A source may grade in one way alone.
    kinds = [kind for kind in digest.kinds if kind.tokens or not kind.is_empty]
    lines: list[Line] = [[bold(f"{title} · {dates_of(digest)}")]]
    lines += [[say(_counts(kind))] for kind in kinds]
    newest = max((kind.as_of for kind in kinds if kind.as_of is not None), default=None)
    ending: list[Line] = [] if newest is None else [[say("Data up to "), moment(newest)]]
    ending.append([italic(DISCLAIMER)])
    if digest.is_empty:
        return [*lines, [say("A quiet week: nothing changed.")], *ending]
    for kind in kinds:
        for heading, rows, total in _sections(kind):
            # An empty line stands before each, and before what ends it.
            room = MOST_TEXT - length([*lines, [], [], *ending]) - 1
            lines += _section(heading, rows, total=total, room=room)
    return [*lines, [], *ending]


def _counts(kind: KindDigest) -> str:
    up, down = kind.upgrades.total, kind.downgrades.total
    changes = f"{counted(up, 'upgrade')}, {counted(down, 'downgrade')}"
    return f"{KIND_NAMES[kind.kind]}: {changes} among {counted(kind.tokens, 'token')}"


def _sections(kind: KindDigest) -> Iterator[tuple[str, list[Line], int]]:
    name = KIND_NAMES[kind.kind]
    told = [line.token for line in (*kind.upgrades.lines, *kind.downgrades.lines)]
    often = Counter(token.symbol for token in told)
    for mark, word, section in (
        (UP, "upgrades", kind.upgrades),
        (DOWN, "downgrades", kind.downgrades),
    ):
        if section.lines:
            rows = [
                _row(mark, line, is_named=often[line.token.symbol] > 1)
                for line in section.lines[:ROWS_SHOWN]
            ]
            yield f"{name}: {word}", rows, section.total


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


def _row(mark: str, line: Row, *, is_named: bool) -> Line:
    """A token's way; is_named: by its name as well, for others bear its symbol."""
    before, after = line.before, line.after
    name = f" ({literal(line.token.name)})" if is_named and line.token.name else ""
    called: list[Piece] = [say(f"{mark} "), bold(literal(line.token.symbol)), say(name)]
    if before is None or after is None:
        return called
    change = signed(after.score - before.score)
    bands = f"{literal(before.band)} → {literal(after.band)}"
    return [*called, say(f" {bands} · {points(after.score)} ({change})")]
