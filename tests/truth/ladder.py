"""The bands of a kind, and how far out of one a score must be: the rules written out again."""

from dataclasses import dataclass
from decimal import Decimal

BANDS = {
    "trader": ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy"),
    "fundamental": ("High Risk", "Speculative", "Emerging", "Blue Chip", "Store of Value"),
}
EDGES = {"trader": (20, 40, 60, 80), "fundamental": (40, 60, 80, 90)}
# Points past an edge that a score must be. To be changed here alone.
MARGIN = {"trader": 3, "fundamental": 2}


@dataclass(frozen=True, slots=True)
class Ladder:
    """The bands of a kind. days: in a row that a change of band takes, unless it is sure.

    sure: points past the edge that are enough at once; None: none are.
    """

    kind: str
    days: int = 1
    sure: int | None = None

    def rung_of(self, score: Decimal) -> int:
        """Where a score falls when nothing is held yet; 0 the lowest."""
        return sum(score >= edge for edge in EDGES[self.kind])

    def rung_after(self, held: int, score: Decimal) -> int:
        """The rung after `score` when `held` is held, step by step."""
        edges, margin = EDGES[self.kind], MARGIN[self.kind]
        rung = held
        while rung < len(edges) and score >= edges[rung] + margin:
            rung += 1
        if rung > held:
            return rung
        while rung > 0 and score < edges[rung - 1] - margin:
            rung -= 1
        return rung

    def is_sure(self, held: int, score: Decimal) -> bool:
        """Whether a score is so far out of the rung held that it needs no second one."""
        edges = EDGES[self.kind]
        if self.sure is None:
            return False
        is_over = held < len(edges) and score >= edges[held] + self.sure
        return is_over or (held > 0 and score < edges[held - 1] - self.sure)
