"""The word that was meant by one that is none of those known."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# Of the words that share most letters so many are looked at more closely.
LOOKED_AT = 100
# Nobody means anything by the rest of a longer one.
LONGEST_WORD = 120


def nearest(wanted: str, known: Iterable[str], *, most: int) -> tuple[str, ...]:
    """Words that look like the one given, nearest first, at most so many; case does not matter."""
    by_folded = {word.casefold(): word for word in known}
    folded = wanted[:LONGEST_WORD].casefold()
    alike = get_close_matches(folded, by_folded, n=LOOKED_AT, cutoff=0.5)

    def distance(word: str) -> tuple[int, bool, bool, bool, str]:
        is_begun = word.startswith(folded) or folded.startswith(word)
        is_mixed = sorted(word) == sorted(folded)
        return _slips(folded, word), not is_mixed, not is_begun, word[:1] != folded[:1], word

    return tuple(by_folded[word] for word in sorted(alike, key=distance)[:most])


def nearest_first(wanted: str, known: Sequence[str]) -> tuple[str, ...]:
    """All words known, those that look like the one given before the others."""
    near = nearest(wanted, known, most=len(known))
    return (*near, *(word for word in known if word not in near))


def _slips(one: str, other: str) -> int:
    """How many letters were left out, added, mistaken or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        line = [row]
        for column, there in enumerate(other, start=1):
            least = min(
                last[column] + 1, line[column - 1] + 1, last[column - 1] + (letter != there)
            )
            if before and column > 1 and one[row - 2] == there and letter == other[column - 2]:
                least = min(least, before[column - 2] + 1)
            line.append(least)
        before, last = last, line
    return last[-1]
