"""What an endpoint asked for, and what it is to be told of all that was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from tests.truth.oracle import Truth
from tests.truth.rules import Points, Window, crossings, moves
from tests.truth.told import DOWN, RULED, UP, Told

ALL_TYPES = frozenset(
    {UP, DOWN, "grade.moved", "grade.initiated", "grade.withdrawn", "grade.reinstated"}
)
USUAL_TYPES = frozenset({UP, DOWN})
OTHER = {"trader": "fundamental", "fundamental": "trader"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one endpoint asked for. tokens: upstream's ids, None for all.

    above, below: by kind, the score that is told when it is crossed upwards, or downwards.
    windows: by kind, how far a score must go within one.
    at_least, less_than: by kind, what that grade must be for the other one to be told.
    cooldown: for how long no more is told of a token and kind.
    """

    path: str
    types: frozenset[str] = frozenset()
    tokens: frozenset[int] | None = None
    above: Points = field(default_factory=dict)
    below: Points = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    at_least: Points = field(default_factory=dict)
    less_than: Points = field(default_factory=dict)
    cooldown: timedelta | None = None


def due_of(want: Wanted, truth: Truth) -> list[tuple[Told, bool]]:
    """What an endpoint is to be told, in order, each with whether it must be.

    It need not be where it went by the other grade, and that was read at about the same time.
    """
    scores = _Scores(truth.readings)
    crossed = crossings(want.above, want.below, truth.readings)
    found = []
    for each in (*truth.told, *crossed, *moves(want.windows, truth.readings)):
        answer = _takes(want, each, scores)
        if answer is not False:
            found.append((each, answer is True))
    return found


def _takes(want: Wanted, told: Told, scores: "_Scores") -> bool | None:
    """Whether it is to be told; None: that depends on which of the two kinds was read first."""
    if told.corrects is not None:
        return _takes(want, told.corrects, scores)
    if told.type not in want.types | RULED:
        return False
    if want.tokens is not None and told.token not in want.tokens:
        return False
    other = OTHER[told.kind]
    least, most = want.at_least.get(other), want.less_than.get(other)
    if least is None and most is None:
        return True
    answers = {
        score is not None
        and (least is None or score >= least)
        and (most is None or score < most)
        for score in scores.around(other, told)
    }  # fmt: skip
    return answers.pop() if len(answers) == 1 else None


class _Scores:
    """What was known of each grade when."""

    def __init__(self, readings: Iterable[Told]) -> None:
        self._read: dict[tuple[str, int], list[Told]] = {}
        for read in readings:
            self._read.setdefault((read.kind, read.token), []).append(read)

    def around(self, kind: str, told: Told) -> list[Decimal | None]:
        """All that a grade may have been when something was noticed; None: unknown."""
        read = self._read.get((kind, told.token), [])
        since = next((n for n, each in enumerate(read) if each.due > told.at), len(read))
        before = read[since - 1].after if since else None
        return [before, *(each.after for each in read[since:] if each.at <= told.due)]
