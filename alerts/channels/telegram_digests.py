"""A digest as lines for Telegram: the week in words, as many whole rows as there is room for."""

from collections.abc import Iterator, Sequence
from typing import Final

from alerts.channels.telegram_markup import (
    DISCLAIMER,
    DOWN,
    MOST_TEXT,
    UP,
    Line,
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


def digest_lines(digest: Digest) -> list[Line]:
    """A week, its largest changes first; what is left out is counted."""
    # A source may grade in one way alone.
    kinds = [kind for kind in digest.kinds if kind.tokens or not kind.is_empty]
    lines: list[Line] = [[bold(f"Weekly grades · {dates_of(digest)}")]]
    lines += [[say(_counts(kind))] for kind in kinds]
    newest = max((kind.as_of for kind in kinds if kind.as_of is not None), default=None)
    ending: list[Line] = [] if newest is None else [[say("Data up to "), moment(newest)]]
    ending.append([italic(DISCLAIMER)])
    if digest.is_empty:
        return [*lines, [say("A quiet week: nothing changed.")], *ending]
    for kind in kinds:
        for title, rows, total in _sections(kind):
            room = MOST_TEXT - length([*lines, *ending]) - 1
            lines += _section(title, rows, total=total, room=room)
    return [*lines, *ending]


def _counts(kind: KindDigest) -> str:
    up, down = kind.upgrades.total, kind.downgrades.total
    changes = f"{counted(up, 'upgrade')}, {counted(down, 'downgrade')}"
    return f"{KIND_NAMES[kind.kind]}: {changes} among {counted(kind.tokens, 'token')}"


def _sections(kind: KindDigest) -> Iterator[tuple[str, list[Line], int]]:
    name = KIND_NAMES[kind.kind]
    for mark, word, section in (
        (UP, "upgrades", kind.upgrades),
        (DOWN, "downgrades", kind.downgrades),
    ):
        if section.lines:
            rows = [_row(mark, line) for line in section.lines[:ROWS_SHOWN]]
            yield f"{name}: {word}", rows, section.total


def _section(title: str, rows: Sequence[Line], *, total: int, room: int) -> list[Line]:
    """A section within so many characters; nothing where not a row of it fits."""
    taken: list[Line] = [[bold(title)]]
    for row in rows:
        if length([*taken, row, _more(total)]) > room:
            break
        taken.append(row)
    left = total - (len(taken) - 1)
    if left == total:
        return []
    return [*taken, _more(left)] if left else taken


def _more(left: int) -> Line:
    return [say(f"and {left:,} more")]


def _row(mark: str, line: Row) -> Line:
    before, after = line.before, line.after
    if before is None or after is None:
        return [say(f"{mark} "), bold(literal(line.token.symbol))]
    change = signed(after.score - before.score)
    return [
        say(f"{mark} "),
        bold(literal(line.token.symbol)),
        say(f" {literal(before.band)} → {literal(after.band)} · {points(after.score)} ({change})"),
    ]
