"""A source and kind watched over time: ratings and watermark, kept as transaction 1 keeps them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from alerts.domain.changes import Diff, diff
from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.domain.ratings import BandPolicy, Rating, graded_count
from tests import builders
from tests.builders import TRADER, Points, cycle, day

if TYPE_CHECKING:
    from datetime import datetime


class Watch:
    """What is held of one source and kind, cycle after cycle."""

    def __init__(self, policy: BandPolicy = TRADER) -> None:
        self.policy = policy
        self.ratings: dict[TokenId, Rating] = {}
        self.first_as_of: datetime | None = None
        self.newest_as_of: datetime | None = None

    def diff(self, swept: Cycle, *, as_history: bool = False) -> Diff:
        """What a cycle would come to."""
        return diff(
            self.ratings,
            swept,
            self.policy,
            first_as_of=self.first_as_of,
            newest_as_of=self.newest_as_of,
            as_history=as_history,
        )

    def take(self, swept: Cycle, *, as_history: bool = False) -> Diff:
        """Accept a cycle; what it came to."""
        found = self.diff(swept, as_history=as_history)
        self.ratings |= {rating.token: rating for rating in found.ratings}
        if graded_count(swept):
            self.first_as_of = self.first_as_of or swept.as_of
            self.newest_as_of = max(self.newest_as_of or swept.as_of, swept.as_of)
        return found

    def sweep(
        self,
        number: float,
        grades: Mapping[int, Points] | Iterable[Grade],
        *,
        complete: bool = True,
    ) -> Diff:
        """Accept a cycle of day `number`: grades, or scores (points) by token number."""
        return self.take(cycle(grades, at=day(number), complete=complete))

    def held(self, number: int = 1) -> Rating:
        return self.ratings[builders.token(number)]


def watch(*scores: Points, policy: BandPolicy = TRADER) -> Watch:
    """One token watched through a score a day, among another that never moves."""
    watched = Watch(policy)
    for number, score in enumerate(scores):
        watched.sweep(number, {0: 50, 1: score})
    return watched
